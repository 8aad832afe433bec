//! Answers what no other endpoint answers: a path that is not there, or a method it has not.

use std::process::ExitCode;

use shared::api;
use shared::problem::Problem;
use shared::reply::Answer;
use shared::serve::call::Visit;
use shared::serve::serve_anyone;

fn main() -> ExitCode {
    serve_anyone(&api::ROUTE_UNKNOWN, route)
}

async fn route(visit: Visit) -> Answer {
    match api::allow(visit.path()) {
        Some(allow) => Err(Problem::MethodNotAllowed { allow }),
        None => Err(Problem::UnknownPath),
    }
}
