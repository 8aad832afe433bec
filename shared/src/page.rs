//! Which part of a list, and in which order: Rocket.Chat's list parameters.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

use crate::domain::policy::Policy;
use crate::problem::{Allowed, Fault, Problem, Violation};

/// Rows in an answer to a caller who asks for no number.
const DEFAULT_COUNT: u64 = 50;
/// Rows in an answer at the most; also what a `count` of zero means.
pub const MAX_COUNT: u64 = 100;

/// The largest integer that JavaScript tells apart from its neighbours: larger numbers are cut.
const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

/// The parameters that a list takes. Those without effect here are taken all the same.
const PARAMETERS: [&str; 6] = ["text", "sort", "count", "offset", "query", "fields"];

/// What a caller wants to see of a list.
#[derive(Debug)]
pub struct Listing {
    /// Rows at the most.
    pub count: u64,
    /// Rows to pass over.
    pub offset: u64,
    text: String,
    order: Order,
}

#[derive(Debug)]
struct Order(Vec<(By, Direction)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
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

impl Listing {
    /// Reads a query string.
    pub fn read(query: &str) -> Result<Listing, Problem> {
        let mut given: BTreeMap<Cow<'_, str>, Vec<Cow<'_, str>>> = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            given.entry(name).or_default().push(value);
        }
        if let Some(unknown) = given
            .keys()
            .find(|name| !PARAMETERS.contains(&name.as_ref()))
        {
            return Err(refused(unknown, Fault::Unknown, Allowed::Nothing));
        }
        if let Some((twice, _)) = given.iter().find(|(_, values)| values.len() > 1) {
            return Err(refused(
                twice,
                Fault::Type,
                Allowed::Text { min: 0, max: 0 },
            ));
        }
        let one = |name: &str| {
            given
                .get(name)
                .and_then(|values| values.first())
                .map(AsRef::as_ref)
        };
        let count = number("count", one("count"))?.map_or(DEFAULT_COUNT, |count| match count {
            0 => MAX_COUNT,
            count => count.min(MAX_COUNT),
        });
        Ok(Listing {
            count,
            offset: number("offset", one("offset"))?.unwrap_or(0),
            text: one("text").unwrap_or_default().to_lowercase(),
            order: one("sort").map_or_else(|| Ok(Order::default()), Order::read)?,
        })
    }

    /// The rows that are wanted, and how many there would be without `count` and `offset`.
    pub fn of<'a>(&self, policies: &'a [Policy]) -> (Vec<&'a Policy>, usize) {
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
        let invalid = || Problem::InvalidSort {
            sort: text.to_owned(),
        };
        let order: Order = serde_json::from_str(text).map_err(|_| invalid())?;
        Ok(if order.0.is_empty() {
            Order::default()
        } else {
            order
        })
    }

    /// By the first member that tells two policies apart; by id if none does.
    fn compare(&self, a: &Policy, b: &Policy) -> Ordering {
        let differ = |(by, direction): &(By, Direction)| {
            let ordering = match by {
                By::Name => a.draft.name.cmp(&b.draft.name),
                By::DueTime => a
                    .draft
                    .due_time_in_minutes
                    .cmp(&b.draft.due_time_in_minutes),
                By::Description => a.draft.description.cmp(&b.draft.description),
                By::UpdatedAt => a.updated_at.cmp(&b.updated_at),
            };
            match direction {
                Direction::Ascending => ordering,
                Direction::Descending => ordering.reverse(),
            }
        };
        let found = self.0.iter().map(differ).find(|ordering| ordering.is_ne());
        found.unwrap_or_else(|| a.id.cmp(&b.id))
    }
}

impl Default for Order {
    fn default() -> Order {
        Order(vec![(By::Name, Direction::Ascending)])
    }
}

/// An object whose members count in the order in which they are written.
impl<'de> Deserialize<'de> for Order {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Order, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Order;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of 1 and -1")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Order, A::Error> {
                let mut order: Vec<(By, Direction)> = Vec::new();
                while let Some((name, direction)) = map.next_entry::<String, f64>()? {
                    let by = match name.as_str() {
                        "name" => By::Name,
                        "dueTimeInMinutes" => By::DueTime,
                        "description" => By::Description,
                        "_updatedAt" => By::UpdatedAt,
                        _ => return Err(A::Error::custom("no member to sort by")),
                    };
                    let direction = match direction {
                        1.0 => Direction::Ascending,
                        -1.0 => Direction::Descending,
                        _ => return Err(A::Error::custom("no direction")),
                    };
                    // Of a member given twice the last value counts, in the first one's place.
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

/// A whole number, however JavaScript may write it.
fn number(name: &'static str, text: Option<&str>) -> Result<Option<u64>, Problem> {
    let Some(text) = text else { return Ok(None) };
    match text.trim().parse::<f64>() {
        Ok(number) if number.is_finite() && number >= 0.0 => {
            Ok(Some(number.min(MAX_SAFE_INTEGER) as u64))
        }
        Ok(number) if number.is_finite() => Err(refused(name, Fault::Low, Allowed::Number)),
        _ => Err(refused(name, Fault::Type, Allowed::Number)),
    }
}

fn refused(name: &str, fault: Fault, allowed: Allowed) -> Problem {
    Problem::Invalid(vec![Violation {
        field: Cow::Owned(name.to_owned()),
        fault,
        allowed,
    }])
}
