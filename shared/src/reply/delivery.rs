//! Deliveries and attempts, as clients see them.

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::delivery::{Attempt, AttemptResult, Delivery};
use crate::domain::id::{NoticeId, delivery_id};
use crate::reply::{Answer, Reply};

/// One delivery.
pub fn one(delivery: &Delivery) -> Answer {
    Reply::ok(&View::of(delivery))
}

/// A page of deliveries.
pub fn page(deliveries: &[Delivery], next_cursor: Option<String>) -> Answer {
    let views: Vec<View<'_>> = deliveries.iter().map(View::of).collect();
    Ok(Reply::ok(&views)?.next_cursor(next_cursor))
}

/// One attempt.
pub fn attempt(attempt: &Attempt) -> Answer {
    Reply::ok(&AttemptView::of(attempt))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View<'a> {
    id: String,
    notice_id: &'a NoticeId,
    r#type: &'static str,
    status: &'static str,
    attempts: u32,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_attempt: Option<AttemptView<'a>>,
}

#[derive(Serialize)]
struct AttemptView<'a> {
    at: Timestamp,
    delivered: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    milliseconds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

impl View<'_> {
    fn of(delivery: &Delivery) -> View<'_> {
        View {
            id: delivery_id(&delivery.notice, &delivery.webhook),
            notice_id: &delivery.notice,
            r#type: delivery.notice_type.as_str(),
            status: delivery.status.as_str(),
            attempts: delivery.attempts,
            created_at: delivery.created_at,
            next_attempt_at: delivery.next_attempt_at(),
            last_attempt: delivery.last_attempt.as_ref().map(AttemptView::of),
        }
    }
}

impl AttemptView<'_> {
    fn of(attempt: &Attempt) -> AttemptView<'_> {
        let (status, body, error) = match &attempt.result {
            AttemptResult::Answered { status, body, .. } => {
                let body = Some(body.as_str()).filter(|body| !body.is_empty());
                (Some(*status), body, None)
            }
            AttemptResult::Failed(error) => (None, None, Some(error.as_str())),
        };
        AttemptView {
            at: attempt.at,
            delivered: attempt.is_delivered(),
            status,
            milliseconds: u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX),
            body,
            error,
        }
    }
}
