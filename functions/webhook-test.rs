//! Sends a test to a webhook, and answers with what came back.

use std::process::ExitCode;

use shared::domain::id::NoticeId;
use shared::reply::{self, Answer};
use shared::serve::call::Call;
use shared::serve::serve;
use shared::{api, dispatch};

fn main() -> ExitCode {
    serve(&api::WEBHOOK_TEST, test)
}

async fn test(call: Call) -> Answer {
    let webhooks = call.store().webhooks();
    let webhook = webhooks.find(call.parameter("webhookId")).await?;
    let id: NoticeId = call.new_id();
    let body = reply::notice::test_body(&id, call.team(), call.now())?;
    let attempt = dispatch::attempt(call.loopback(), &webhook, id.as_str(), &body).await;
    reply::delivery::attempt(&attempt)
}
