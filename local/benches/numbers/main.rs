//! The numbers of docs/performance.md: what each endpoint asks of DynamoDB, and what each binary asks of the
//! machine, beside two bare programs that are built and measured the same way.
//!
//! ```sh
//! cargo bench -p local --bench numbers
//! ```
//!
//! Words behind `--` choose the endpoints whose names have one of them; `--calls` leaves out what
//! depends on how the functions are compiled, so they are not built for release. It prints Markdown. A machine that does other things too makes the times longer and the ratios
//! rougher, but not different in kind: whatever is compared is measured in turns.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a measurement that goes wrong has nothing to say"
)]

mod build;
mod calls;
mod ground;
mod processes;
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
        let asked = calls::measure(&template, &binaries, &chosen).await;
        println!("{}", calls::table(&asked));
        if only_calls {
            return;
        }
        let taken = processes::measure(&template, &binaries, &asked).await;
        println!("{}", processes::table(&taken, &binaries));
    });
}

/// The endpoints that the command line names, or all.
fn chosen() -> Vec<&'static Endpoint> {
    let words = env::args().skip(1).filter(|word| !word.starts_with("--"));
    let words: Vec<String> = words.collect();
    let named = |endpoint: &&Endpoint| words.iter().any(|word| endpoint.name.contains(word));
    let all = api::ALL.iter().copied();
    all.filter(|endpoint| words.is_empty() || named(endpoint))
        .collect()
}
