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

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

use local::binaries::Profile;
use local::template::{Function, Template};
use local::{Stack, StackOptions};
use shared::api::{self, Endpoint};
use tokio::runtime::Builder;

/// More than anything here needs, so that only those are limited who are meant to be.
const UNLIMITED: &str = "100000000";

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

/// The template's functions and `more`, one process each, all calls recorded on their way to the
/// database.
async fn recorded(
    template: &Template,
    more: &[Function],
    binaries: &BTreeMap<String, PathBuf>,
    database: &str,
) -> Stack {
    let mut options = options(template, more, binaries, database);
    options.record = true;
    Stack::start(options).await.expect("the stack starts")
}

/// The same with nothing between the functions and the database.
async fn direct(
    template: &Template,
    more: &[Function],
    binaries: &BTreeMap<String, PathBuf>,
    database: &str,
) -> Stack {
    let options = options(template, more, binaries, database);
    Stack::start(options).await.expect("the stack starts")
}

fn options(
    template: &Template,
    more: &[Function],
    binaries: &BTreeMap<String, PathBuf>,
    database: &str,
) -> StackOptions {
    let mut template = template.clone();
    template.functions.extend_from_slice(more);
    StackOptions {
        template,
        binaries: binaries.clone(),
        concurrency: 1,
        gateway_port: 0,
        db_port: 0,
        data: None,
        environment: [
            "SECRET_KEY_LIMIT",
            "PUBLISHABLE_KEY_LIMIT",
            "USER_TOKEN_LIMIT",
        ]
        .map(|name| (name.to_owned(), UNLIMITED.to_owned()))
        .to_vec(),
        record: false,
        dynamodb_endpoint: Some(database.to_owned()),
    }
}
