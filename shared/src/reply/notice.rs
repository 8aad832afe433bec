//! Notices, as receivers and clients see them.

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::id::{NoticeId, PolicyId, RuleId, TeamId, TicketId};
use crate::domain::notice::Notice;
use crate::domain::plan::PlannedBy;
use crate::domain::text::Reference;
use crate::problem::Problem;
use crate::reply::{Answer, Outcome, Reply};

/// A notice as JSON: what is sent and what is in the feed.
pub fn body(notice: &Notice, team: &TeamId) -> Result<String, Problem> {
    let content = &notice.content;
    json(&View {
        id: &notice.id,
        r#type: content.finding.notice_type().as_str(),
        timestamp: notice.made_at,
        data: Data {
            team_id: team,
            ticket_id: &notice.ticket,
            reference: notice.reference.as_ref(),
            metric: content.metric.as_str(),
            cycle: content.cycle,
            at: content.at,
            priority: content.priority.as_str(),
            rule_id: content.by.as_ref().and_then(PlannedBy::rule),
            policy_id: content.by.as_ref().and_then(PlannedBy::policy),
            target_minutes: content.target.get(),
            due_at: content.due_at,
            elapsed_seconds: content.elapsed.as_secs(),
        },
    })
}

/// The message that tests a webhook. It reports nothing, and has the form of a notice.
pub fn test_body(id: &NoticeId, team: &TeamId, now: Timestamp) -> Result<String, Problem> {
    json(&View {
        id,
        r#type: "sla.test",
        timestamp: now,
        data: TestData { team_id: team },
    })
}

/// A page of the feed, of notices that are JSON already.
pub fn page<'a>(bodies: impl Iterator<Item = &'a str>, next: Option<&NoticeId>) -> Answer {
    let list = format!("[{}]", bodies.collect::<Vec<_>>().join(","));
    let next = next.map(|id| id.as_str().to_owned());
    Ok(Reply::of(Outcome::Ok, list).next_cursor(next))
}

fn json(value: &impl Serialize) -> Result<String, Problem> {
    serde_json::to_string(value).map_err(|error| Problem::Internal(Box::new(error)))
}

#[derive(Serialize)]
struct View<'a, D> {
    id: &'a NoticeId,
    r#type: &'static str,
    timestamp: Timestamp,
    data: D,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    team_id: &'a TeamId,
    ticket_id: &'a TicketId,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a Reference>,
    metric: &'static str,
    cycle: u32,
    at: Timestamp,
    priority: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_id: Option<&'a RuleId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_id: Option<&'a PolicyId>,
    target_minutes: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<Timestamp>,
    elapsed_seconds: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TestData<'a> {
    team_id: &'a TeamId,
}
