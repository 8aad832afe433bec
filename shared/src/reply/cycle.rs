//! The facts behind reports, as clients see them: as JSON, or as a table for spreadsheets.

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::clock::fact::CycleFact;
use crate::domain::id::{PolicyId, RuleId, TicketId};
use crate::problem::Problem;
use crate::reply::{Answer, Outcome, Reply};

/// The media type of a table. Only its first page has the row of names, so that the pages of a list
/// can be put together.
pub const CSV: &str = "text/csv";

/// The characters with which a spreadsheet's formula begins, also after blanks that it ignores.
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The names of the columns, which are those of the members.
const COLUMNS: [&str; 14] = [
    "ticketId",
    "metric",
    "cycle",
    "status",
    "priority",
    "ruleId",
    "policyId",
    "targetMinutes",
    "startedAt",
    "dueAt",
    "breachedAt",
    "stoppedAt",
    "stoppedBy",
    "elapsedSeconds",
];

/// A page of facts, each with its ticket.
pub fn page(facts: &[(TicketId, CycleFact)], next_cursor: Option<String>) -> Answer {
    let views = facts.iter().map(|(ticket, fact)| View::of(ticket, fact));
    let views: Vec<View<'_>> = views.collect();
    let reply = Reply::ok(&views)?.header("vary", "accept");
    Ok(reply.next_cursor(next_cursor))
}

/// A page of facts as a table: RFC 4180, in UTF-8. `next` is the path and query of the next page.
pub fn csv_page(facts: &[(TicketId, CycleFact)], is_first: bool, next: Option<String>) -> Answer {
    let mut table = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    if is_first {
        table.write_record(COLUMNS).map_err(internal)?;
    }
    for (ticket, fact) in facts {
        let row = View::of(ticket, fact).row();
        let row = row.iter().map(|value| harmless(value));
        table.write_record(row).map_err(internal)?;
    }
    let bytes = table
        .into_inner()
        .map_err(|error| internal(error.into_error()))?;
    let table = String::from_utf8(bytes).map_err(internal)?;
    let header = if is_first { "present" } else { "absent" };
    let mut reply = Reply::of(Outcome::Document, table)
        .header(
            "content-type",
            format!("{CSV}; charset=utf-8; header={header}"),
        )
        .header("content-disposition", "attachment; filename=\"cycles.csv\"")
        .header("vary", "accept");
    if let Some(next) = next {
        reply = reply.header("link", format!("<{next}>; rel=\"next\""));
    }
    Ok(reply)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View<'a> {
    ticket_id: &'a TicketId,
    metric: &'static str,
    cycle: u32,
    status: &'static str,
    priority: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_id: Option<&'a RuleId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_id: Option<&'a PolicyId>,
    target_minutes: u32,
    started_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    breached_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_by: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    elapsed_seconds: Option<u64>,
}

impl View<'_> {
    fn of<'a>(ticket_id: &'a TicketId, fact: &'a CycleFact) -> View<'a> {
        View {
            ticket_id,
            metric: fact.metric.as_str(),
            cycle: fact.cycle,
            status: fact.outcome.as_str(),
            priority: fact.priority.as_str(),
            rule_id: fact.planned_by.rule(),
            policy_id: fact.planned_by.policy(),
            target_minutes: fact.target.get(),
            started_at: fact.started_at,
            due_at: fact.due_at,
            breached_at: fact.breached_at,
            stopped_at: fact.stop.map(|stop| stop.at),
            stopped_by: fact.stop.map(|stop| stop.by.as_str()),
            elapsed_seconds: fact.elapsed_seconds,
        }
    }

    /// The values in the order of [`COLUMNS`].
    fn row(&self) -> [String; 14] {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let instant = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
        let elapsed = self.elapsed_seconds.map(|seconds| seconds.to_string());
        [
            self.ticket_id.to_string(),
            self.metric.to_owned(),
            self.cycle.to_string(),
            self.status.to_owned(),
            self.priority.to_owned(),
            text(self.rule_id.map(RuleId::as_str)),
            text(self.policy_id.map(PolicyId::as_str)),
            self.target_minutes.to_string(),
            self.started_at.to_string(),
            instant(self.due_at),
            instant(self.breached_at),
            instant(self.stopped_at),
            text(self.stopped_by),
            elapsed.unwrap_or_default(),
        ]
    }
}

/// The value as one that no spreadsheet executes: an apostrophe makes it a text.
/// <https://owasp.org/www-community/attacks/CSV_Injection>
fn harmless(value: &str) -> String {
    if value.starts_with(FORMULA_STARTS) {
        format!("'{value}")
    } else {
        value.to_owned()
    }
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Problem {
    Problem::Internal(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_spreadsheets_would_execute_become_texts() {
        for (value, harmless_value) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("T-1", "T-1"),
            ("", ""),
        ] {
            assert_eq!(harmless(value), harmless_value);
        }
    }
}
