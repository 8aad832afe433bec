//! Answers requests that no other endpoint matches: an unknown path, or a method that a path lacks.

use std::process::ExitCode;

use shared::api;
use shared::problem::Problem;
use shared::reply::Answer;
use shared::serve::call::PublicCall;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::ROUTE_UNKNOWN, route)
}

async fn route(call: PublicCall) -> Answer {
    match api::allow(call.path()) {
        Some(allow) => Err(Problem::MethodNotAllowed { allow }),
        None => Err(Problem::UnknownPath),
    }
}
