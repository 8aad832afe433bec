//! After the storm: the facts are those of the tickets, and the reports are sums of the facts, before
//! and after the changes are moved into the summaries.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{SUMMARISE, Site, path};
use crate::actors::{Actor, Team};

/// More than the days on which the tickets' cycles are counted.
const SPAN: &str = "from=2026-01-01&to=2026-12-31";

/// A ticket, a metric and the number of a cycle.
type CycleKey = (String, String, u64);

impl Site {
    pub async fn assert_facts_add_up(&self) {
        for (team, caller) in &self.teams {
            let facts = facts(team, caller).await;
            assert_are_those_of_tickets(&facts, &tickets(team, caller).await);
            let counts = counts(&facts);
            assert_eq!(totals(team, caller).await, counts);
        }
        let runs = [SUMMARISE; 3].map(|function| self.stack.invoke(function, json!({})));
        for ended in join_all(runs).await {
            ended.expect("a run without faults");
        }
        for (team, caller) in &self.teams {
            let facts = facts(team, caller).await;
            assert_eq!(totals(team, caller).await, counts(&facts));
        }
    }
}

/// What has become of each cycle.
async fn facts(team: &Team, caller: &Actor) -> BTreeMap<CycleKey, String> {
    let mut found = BTreeMap::new();
    let list = format!("cycles?{SPAN}&limit=1000");
    for fact in all_pages(team, caller, &list).await {
        let word = |name: &str| fact[name].as_str().expect("a word").to_owned();
        let number = fact["cycle"].as_u64().expect("a number");
        let key = (word("ticketId"), word("metric"), number);
        let earlier = found.insert(key, word("status"));
        assert!(earlier.is_none(), "twice: {fact}");
    }
    found
}

async fn tickets(team: &Team, caller: &Actor) -> Vec<Value> {
    let list = "tickets?state=open,paused,resolved,cancelled&limit=100";
    all_pages(team, caller, list).await
}

async fn all_pages(team: &Team, caller: &Actor, list: &str) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = caller.get(&path(team, &format!("{list}{cursor}"))).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let page = page.json();
        rows.extend(page["data"].as_array().expect("rows").iter().cloned());
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return rows,
        }
    }
}

/// Asserts that there is one fact for each cycle of each ticket, and that the last ones say what the
/// tickets say.
fn assert_are_those_of_tickets(facts: &BTreeMap<CycleKey, String>, tickets: &[Value]) {
    let mut cycles = 0;
    for ticket in tickets {
        let id = ticket["id"].as_str().expect("an id");
        for metric in ["firstResponse", "nextResponse", "resolution"] {
            let standing = &ticket[metric];
            let Some(number) = standing["cycle"].as_u64() else {
                continue;
            };
            cycles += number;
            let status = standing["status"].as_str().expect("a status");
            let wanted = match status {
                "active" | "warning" | "paused" => "open",
                closed => closed,
            };
            let key = (id.to_owned(), metric.to_owned(), number);
            let found = facts.get(&key).map(String::as_str);
            assert_eq!(found, Some(wanted), "{key:?}");
        }
    }
    assert!(cycles > 100, "{cycles}");
    assert_eq!(facts.len() as u64, cycles);
}

/// The number of cycles of each metric and outcome.
fn counts(facts: &BTreeMap<CycleKey, String>) -> BTreeMap<(String, String), u64> {
    let mut counts = BTreeMap::new();
    for ((_, metric, _), status) in facts {
        *counts.entry((metric.clone(), status.clone())).or_default() += 1;
    }
    counts
}

/// The same, as a report has them.
async fn totals(team: &Team, caller: &Actor) -> BTreeMap<(String, String), u64> {
    let report = caller.get(&path(team, &format!("report?{SPAN}"))).await;
    assert_eq!(report.status, 200, "{}", report.body);
    let report = report.json();
    let totals = report["data"]["totals"].as_array().expect("totals");
    let numbers = totals.iter().flat_map(|total| {
        let metric = total["metric"].as_str().expect("a metric");
        ["achieved", "breached", "cancelled", "open"].map(|status| {
            let number = total[status].as_u64().expect("a number");
            ((metric.to_owned(), status.to_owned()), number)
        })
    });
    numbers.filter(|(_, number)| *number > 0).collect()
}
