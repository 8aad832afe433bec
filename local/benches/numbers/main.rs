//! Measures the numbers of docs/performance.md: each endpoint's DynamoDB calls, and each binary's
//! use of the machine, in comparison with two bare programs that are built and measured in the same
//! way.
//!
//! ```sh
//! cargo bench -p local --bench numbers
//! ```
//!
//! It prints Markdown. Words after `--` choose the endpoints whose names contain one of them.
//! `--calls` omits what depends on how the functions are compiled, and so does not build them for
//! release. `--notices` measures the notices instead, and `--reports` the reports; words choose among
//! the parts of the former, and a number is that of the latter's tickets. A busy machine makes the
//! times longer and the ratios less precise, but it does not bias the ratios: programs that are
//! compared are measured in turns.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a measurement that goes wrong has no result"
)]

mod build;
mod calls;
mod copies;
mod fixture;
mod notices;
mod processes;
mod reports;
mod stack;

use std::env;
use std::path::Path;

use local::binaries::Profile;
use local::template::Template;
use shared::api::{self, Endpoint};
use tokio::runtime::Builder;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("local/ lies in the repository");
    if env::args().any(|argument| argument == "--notices") {
        return notices::main(root, &words());
    }
    if env::args().any(|argument| argument == "--reports") {
        return reports::main(root, &words());
    }
    let chosen = chosen();
    let only_calls = env::args().any(|argument| argument == "--calls");
    let binaries = match only_calls {
        true => build::functions(root, Profile::Dev, &chosen),
        false => build::chosen(root, &chosen),
    };
    let template = Template::read(&root.join("template.yaml"));
    let mut template = template.expect("template.yaml can be read");
    template
        .functions
        .retain(|function| binaries.contains_key(&function.binary));
    let runtime = Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let rows = calls::measure(&template, &binaries, &chosen).await;
        println!("{}", calls::table(&rows));
        if only_calls {
            return;
        }
        let programs = processes::measure(&template, &binaries, &rows).await;
        println!("{}", processes::table(&programs, &binaries));
    });
}

/// The endpoints that the command line chooses; all if it names none.
fn chosen() -> Vec<&'static Endpoint> {
    let words = words();
    let named = |endpoint: &&Endpoint| words.iter().any(|word| endpoint.name.contains(word));
    let all = api::ALL.iter().copied();
    all.filter(|endpoint| words.is_empty() || named(endpoint))
        .collect()
}

/// What the command line names.
fn words() -> Vec<String> {
    let words = env::args().skip(1).filter(|word| !word.starts_with("--"));
    words.collect()
}
