//! What notices cost, and how late they are: `cargo bench -p local --bench numbers -- --notices`.
//!
//! Words after it choose among the parts. Calls and units are counts, and the same on every machine;
//! all else is time.

mod cost;
mod idle;
mod on_time;
mod receiver;
mod runs;
mod size;
pub mod team;
mod throughput;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process;

use local::binaries::{self, Profile};
use local::template::Template;
use tokio::runtime::Builder;

/// The functions that the parts use, besides those whose size is compared.
const FUNCTIONS: [&str; 6] = [
    "breach-sweep",
    "event-create",
    "rule-create",
    "ticket-create",
    "webhook-create",
    "webhook-deliver",
];

const PARTS: [&str; 5] = ["cost", "idle", "size", "on-time", "throughput"];

/// What a part has found.
pub struct Findings {
    /// Its numbers in Markdown.
    text: String,
    /// The goals that it misses.
    missed: Vec<String>,
}

/// What the parts have in common.
struct Measured {
    template: Template,
    binaries: BTreeMap<String, PathBuf>,
}

/// Measures the parts that are named, or all of them, and fails if a goal is missed.
pub fn main(root: &Path, words: &[String]) {
    let chosen = |part: &&str| words.is_empty() || words.iter().any(|word| word == part);
    let parts: Vec<&str> = PARTS.into_iter().filter(|part| chosen(part)).collect();
    let mut names = FUNCTIONS.to_vec();
    if parts.contains(&"size") {
        names.extend(size::ALSO);
    }
    let binaries = binaries::build_only(root, Profile::Release, &names);
    let binaries = binaries.expect("the functions build");
    let template = Template::read(&root.join("template.yaml"));
    let mut template = template.expect("template.yaml can be read");
    template
        .functions
        .retain(|function| binaries.contains_key(&function.binary));
    let measured = Measured { template, binaries };
    let runtime = Builder::new_multi_thread().enable_all().build();
    let mut missed = Vec::new();
    runtime.expect("a runtime").block_on(async {
        for part in parts {
            let findings = measured.measure(part).await;
            println!("{}\n", findings.text);
            missed.extend(findings.missed);
        }
    });
    for goal in &missed {
        eprintln!("missed: {goal}");
    }
    if !missed.is_empty() {
        process::exit(1);
    }
}

impl Measured {
    async fn measure(&self, part: &str) -> Findings {
        match part {
            "cost" => cost::measure(self).await,
            "idle" => idle::measure(self).await,
            "size" => size::measure(&self.binaries),
            "on-time" => on_time::measure(self).await,
            _ => throughput::measure(self).await,
        }
    }

    fn memory_mib(&self, function: &str) -> u64 {
        let mut functions = self.template.functions.iter();
        let function = functions.find(|other| other.logical_id == function);
        function.expect("the template has it").memory_mib
    }
}
