//! Rocket.Chat's list parameters: which rows of a list a client wants, and in which order.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

use crate::domain::policy::Policy;
use crate::problem::{Problem, QueryReason, WorkspaceProblem};

/// Rows in a response when the client does not say how many.
const DEFAULT_COUNT: u64 = 50;
/// The most rows in a response; also the meaning of a `count` of zero.
pub const MAX_COUNT: u64 = 100;

/// The largest integer that JavaScript represents exactly. Larger numbers are reduced to it.
const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

/// The parameters that a list accepts, including some without effect here.
const PARAMETERS: [&str; 6] = ["text", "sort", "count", "offset", "query", "fields"];

/// What a client wants of a list.
#[derive(Debug)]
pub struct ListQuery {
    /// The most rows.
    pub count: u64,
    /// Rows to skip.
    pub offset: u64,
    text: String,
    order: Order,
}

#[derive(Debug)]
struct Order(Vec<(Member, Direction)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    Name,
    DueTime,
    Description,
    UpdatedAt,
}

#[derive(Clone, Copy, Debug)]
enum Direction {
    Ascending,
    Descending,
}

impl ListQuery {
    /// Reads a query string.
    pub fn read(query: &str) -> Result<ListQuery, Problem> {
        let mut given: BTreeMap<Cow<'_, str>, Vec<Cow<'_, str>>> = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            given.entry(name).or_default().push(value);
        }
        if !given.keys().all(|name| PARAMETERS.contains(&name.as_ref())) {
            return Err(invalid(QueryReason::Unknown));
        }
        if given.values().any(|values| values.len() > 1) {
            return Err(invalid(QueryReason::Repeated));
        }
        let one = |name: &str| {
            given
                .get(name)
                .and_then(|values| values.first())
                .map(AsRef::as_ref)
        };
        let count = number(one("count"))?.map_or(DEFAULT_COUNT, |count| match count {
            0 => MAX_COUNT,
            count => count.min(MAX_COUNT),
        });
        Ok(ListQuery {
            count,
            offset: number(one("offset"))?.unwrap_or(0),
            text: one("text").unwrap_or_default().to_lowercase(),
            order: one("sort").map_or_else(|| Ok(Order::default()), Order::read)?,
        })
    }

    /// The wanted rows, and how many there would be without `count` and `offset`.
    pub fn select<'a>(&self, policies: &'a [Policy]) -> (Vec<&'a Policy>, usize) {
        let mut matching: Vec<&Policy> = policies
            .iter()
            .filter(|policy| self.matches(policy))
            .collect();
        matching.sort_by(|a, b| self.order.compare(a, b));
        let total = matching.len();
        let rows = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let wanted = matching
            .into_iter()
            .skip(rows(self.offset))
            .take(rows(self.count));
        (wanted.collect(), total)
    }

    fn matches(&self, policy: &Policy) -> bool {
        let contains = |text: &str| text.to_lowercase().contains(&self.text);
        contains(policy.draft.name.as_str()) || contains(policy.draft.description.as_str())
    }
}

impl Order {
    fn read(text: &str) -> Result<Order, Problem> {
        let invalid = |_| {
            Problem::Workspace(WorkspaceProblem::InvalidSort {
                sort: text.to_owned(),
            })
        };
        let order: Order = serde_json::from_str(text).map_err(invalid)?;
        Ok(if order.0.is_empty() {
            Order::default()
        } else {
            order
        })
    }

    /// Compares by the first member in which two policies differ; by id if they differ in none.
    fn compare(&self, a: &Policy, b: &Policy) -> Ordering {
        let compare = |(by, direction): &(Member, Direction)| {
            let ordering = match by {
                Member::Name => a.draft.name.cmp(&b.draft.name),
                Member::DueTime => a
                    .draft
                    .due_time_in_minutes
                    .cmp(&b.draft.due_time_in_minutes),
                Member::Description => a.draft.description.cmp(&b.draft.description),
                Member::UpdatedAt => a.updated_at.cmp(&b.updated_at),
            };
            match direction {
                Direction::Ascending => ordering,
                Direction::Descending => ordering.reverse(),
            }
        };
        let found = self.0.iter().map(compare).find(|ordering| ordering.is_ne());
        found.unwrap_or_else(|| a.id.cmp(&b.id))
    }
}

impl Default for Order {
    fn default() -> Order {
        Order(vec![(Member::Name, Direction::Ascending)])
    }
}

/// Reads an object, whose members count in the order in which they are written.
impl<'de> Deserialize<'de> for Order {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Order, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Order;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of 1 and -1")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Order, A::Error> {
                let mut order: Vec<(Member, Direction)> = Vec::new();
                while let Some((name, direction)) = map.next_entry::<String, f64>()? {
                    let by = match name.as_str() {
                        "name" => Member::Name,
                        "dueTimeInMinutes" => Member::DueTime,
                        "description" => Member::Description,
                        "_updatedAt" => Member::UpdatedAt,
                        _ => return Err(A::Error::custom("no member to sort by")),
                    };
                    let direction = match direction {
                        1.0 => Direction::Ascending,
                        -1.0 => Direction::Descending,
                        _ => return Err(A::Error::custom("no direction")),
                    };
                    // If a member is given twice, the last value counts, in the place of the first.
                    match order.iter_mut().find(|(other, _)| *other == by) {
                        Some((_, earlier)) => *earlier = direction,
                        None => order.push((by, direction)),
                    }
                }
                Ok(Order(order))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// Reads a whole number in any form that JavaScript reads.
fn number(text: Option<&str>) -> Result<Option<u64>, Problem> {
    let Some(text) = text else { return Ok(None) };
    match text.trim().parse::<f64>() {
        Ok(number) if number.is_finite() && number >= 0.0 => {
            Ok(Some(number.min(MAX_SAFE_INTEGER) as u64))
        }
        Ok(number) if number.is_finite() => Err(invalid(QueryReason::Negative)),
        _ => Err(invalid(QueryReason::NotANumber)),
    }
}

fn invalid(reason: QueryReason) -> Problem {
    Problem::Workspace(WorkspaceProblem::InvalidQuery(reason))
}
