//! The README's numbers: what each endpoint asks of DynamoDB, and what each binary asks of the
//! machine, beside two bare programs that are built and measured the same way.
//!
//! ```sh
//! cargo bench -p functions --bench numbers
//! ```
//!
//! It prints Markdown. A machine that does other things too makes the times longer and the ratios
//! rougher, but not different in kind: whatever is compared is measured in turns.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement that goes wrong has nothing to say"
)]

mod build;
mod calls;
mod ground;
mod processes;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use local::template::{Function, Template};
use local::{Stack, StackOptions};
use tokio::runtime::Builder;

/// More than anything here needs, so that only those are limited who are meant to be.
const UNLIMITED: &str = "100000000";

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("functions/ lies in the repository");
    let template = Template::read(&root.join("template.yaml")).expect("template.yaml can be read");
    let binaries = build::all(root);
    let runtime = Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let asked = calls::measure(&template, &binaries).await;
        println!("{}", calls::table(&asked));
        let taken = processes::measure(&template, &binaries, &asked).await;
        println!("{}", processes::table(&taken, &binaries));
    });
}

/// The template's functions and `more`, one process each, on a database that runs already or,
/// without one, on their own with all calls recorded.
async fn stack(
    template: &Template,
    more: Vec<Function>,
    binaries: &BTreeMap<String, PathBuf>,
    database: Option<String>,
) -> Stack {
    let mut template = template.clone();
    template.functions.extend(more);
    let options = StackOptions {
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
        record: database.is_none(),
        dynamodb_endpoint: database,
    };
    Stack::start(options).await.expect("the stack starts")
}
