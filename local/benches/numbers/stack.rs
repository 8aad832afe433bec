//! The stacks that are measured: the template's functions with the bare programs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use local::stack::{Stack, StackOptions};
use local::template::{Function, Template};

/// More calls than anything here makes, so that only a limit that is being measured takes effect.
const UNLIMITED: &str = "100000000";

/// Starts the template's functions and `more`, with one process each, and records all calls to the
/// database.
pub async fn recorded(
    template: &Template,
    more: &[Function],
    binaries: &BTreeMap<String, PathBuf>,
    database: &str,
) -> Stack {
    let mut options = options(template, more, binaries, database);
    options.record = true;
    Stack::start(options).await.expect("the stack starts")
}

/// Starts the same functions, with nothing between them and the database.
pub async fn direct(
    template: &Template,
    more: &[Function],
    binaries: &BTreeMap<String, PathBuf>,
    database: &str,
) -> Stack {
    let options = options(template, more, binaries, database);
    Stack::start(options).await.expect("the stack starts")
}

/// Starts the template's functions alone, with up to so many processes each, and records all calls to
/// the database if it is to.
pub async fn crowded(
    template: &Template,
    binaries: &BTreeMap<String, PathBuf>,
    database: &str,
    concurrency: usize,
    record: bool,
) -> Stack {
    let mut options = options(template, &[], binaries, database);
    options.concurrency = concurrency;
    options.record = record;
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
        run_schedules: false,
        dynamodb_endpoint: Some(database.to_owned()),
    }
}
