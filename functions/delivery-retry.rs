//! Attempts a delivery anew, from the beginning of its schedule: within a minute.

use std::process::ExitCode;

use shared::api;
use shared::reply::{self, Answer};
use shared::serve::call::Call;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::DELIVERY_RETRY, retry)
}

async fn retry(call: Call) -> Answer {
    let deliveries = call.store().deliveries();
    let current = deliveries.find(call.parameter("deliveryId")).await?;
    let delivery = deliveries.restart(&current, call.now()).await?;
    reply::delivery::one(&delivery)
}
