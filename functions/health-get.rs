//! Reports the health of the service to anyone, without writing anything.

use std::process::ExitCode;

use serde::Serialize;
use shared::api;
use shared::domain::calendar::zone_data_version;
use shared::reply::{Answer, Outcome, Reply};
use shared::serve::call::PublicCall;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::HEALTH_GET, health)
}

async fn health(call: PublicCall) -> Answer {
    let (outcome, status, table) = match call.ping().await {
        Ok(()) => (Outcome::Document, "ok", "reachable"),
        Err(_) => (Outcome::Unhealthy, "degraded", "unreachable"),
    };
    let health = Health {
        status,
        version: env!("CARGO_PKG_VERSION"),
        revision: call.revision(),
        zone_data: zone_data_version(),
        table,
    };
    Reply::document(outcome, &health)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Health<'a> {
    status: &'static str,
    version: &'static str,
    revision: &'a str,
    zone_data: &'static str,
    table: &'static str,
}
