//! Lists the deliveries to a webhook, newest first.

use std::process::ExitCode;

use shared::api;
use shared::list_query::deliveries::DeliveryListQuery;
use shared::reply::{self, Answer};
use shared::serve::call::ReadCall;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::DELIVERY_LIST, list)
}

async fn list(call: ReadCall) -> Answer {
    let query = DeliveryListQuery::read(call.query())?;
    let deliveries = call.store().deliveries();
    let page = deliveries.list(call.parameter("webhookId"), &query).await?;
    let next = page.next.as_ref().map(DeliveryListQuery::cursor);
    reply::delivery::page(&page.deliveries, next)
}
