//! Tells whether the service is well, to anyone, without writing anything.

use std::process::ExitCode;

use serde::Serialize;
use shared::api;
use shared::reply::{Answer, Outcome, Reply};
use shared::serve::{Visit, serve_anyone};

fn main() -> ExitCode {
    serve_anyone(&api::HEALTH_GET, health)
}

async fn health(visit: Visit) -> Answer {
    let (outcome, status, table) = match visit.ping().await {
        Ok(()) => (Outcome::Document, "ok", "reachable"),
        Err(_) => (Outcome::Unwell, "degraded", "unreachable"),
    };
    let health = Health {
        status,
        version: env!("CARGO_PKG_VERSION"),
        revision: visit.revision(),
        table,
    };
    Reply::document(outcome, &health)
}

#[derive(Serialize)]
struct Health<'a> {
    status: &'static str,
    version: &'static str,
    revision: &'a str,
    table: &'static str,
}
