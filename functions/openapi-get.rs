//! Tells the whole surface, as OpenAPI 3.1: the committed file, as it is.

use std::process::ExitCode;

use shared::api;
use shared::reply::{Answer, Reply};
use shared::serve::call::PublicCall;
use shared::serve::serve;

const OPENAPI: &str = include_str!("openapi.json");

fn main() -> ExitCode {
    serve(&api::OPENAPI_GET, openapi)
}

async fn openapi(_call: PublicCall) -> Answer {
    Ok(Reply::text(OPENAPI))
}
