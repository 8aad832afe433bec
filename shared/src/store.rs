//! The only code that knows DynamoDB.
//!
//! A [`Table`] lives as long as its process, a [`Store`] as long as one request. A [`TeamStore`] is
//! bound to one team and mode, so a handler cannot read another team's data. Only [`crate::serve`]
//! gets one, for the principal that it has admitted; [`transfer`] opens one for operators and keeps
//! it to itself.

pub mod calendars;
pub mod client;
pub mod credentials;
pub mod cycles;
pub mod deliveries;
mod due;
mod encoding;
pub mod idempotency;
mod key;
pub mod notices;
mod page;
pub mod plans;
pub mod policies;
pub mod rules;
mod settings;
pub mod summaries;
pub mod team;
pub mod tickets;
mod transaction;
pub mod transfer;
pub mod webhooks;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConsumedCapacity, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure,
};

use serde::Deserialize;

use crate::domain::id::RequestId;
use crate::domain::principal::Principal;
use crate::domain::version::Version;
use crate::problem::{Cause, Problem};

use calendars::cache::CalendarCache;
use team::TeamStore;
use transaction::{VERSION, WRITE_ID};
use webhooks::Remembered;

/// An item, as DynamoDB has it.
type Item = HashMap<String, AttributeValue>;

/// The table, as a process uses it.
#[derive(Clone, Debug)]
pub struct Table {
    client: Client,
    name: String,
    calendars: Arc<CalendarCache>,
}

/// The table, as one request uses it. It knows what the request has cost so far, and marks every
/// item that it writes, so that a write whose response is lost is recognised.
#[derive(Clone, Debug)]
pub struct Store {
    table: Table,
    shared: Arc<PerRequest>,
}

#[derive(Debug)]
struct PerRequest {
    id: String,
    writes: AtomicU32,
    calls: AtomicU32,
    milliunits: AtomicU64,
    webhooks: Remembered,
}

/// What a request has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Calls to DynamoDB that it answered.
    pub calls: u32,
    /// Capacity units consumed, reads and writes together.
    pub units: f64,
}

impl Table {
    /// The table with this name.
    pub fn new(client: Client, name: String) -> Table {
        Table {
            client,
            name,
            calendars: Arc::default(),
        }
    }

    /// The table for one request.
    pub fn for_request(&self, id: &RequestId) -> Store {
        // Without the prefix and with a number appended, it fits a client request token.
        let id = id.as_str().trim_start_matches("req_").to_owned();
        let shared = PerRequest {
            id,
            writes: 0.into(),
            calls: 0.into(),
            milliunits: 0.into(),
            webhooks: Remembered::default(),
        };
        Store {
            table: self.clone(),
            shared: Arc::new(shared),
        }
    }
}

impl Store {
    /// What the request has cost so far.
    pub fn cost(&self) -> Cost {
        let milliunits = self.shared.milliunits.load(Ordering::Relaxed);
        Cost {
            calls: self.shared.calls.load(Ordering::Relaxed),
            units: milliunits as f64 / 1_000.0,
        }
    }

    /// Reads an item that does not exist: opens the connection, and fails if the table is unreachable.
    pub async fn ping(&self) -> Result<(), Problem> {
        let request = self.table.client.get_item().table_name(&self.table.name);
        let nowhere = AttributeValue::S(key::NOWHERE.to_owned());
        let request = request.key(key::PK, nowhere.clone()).key(key::SK, nowhere);
        let response = request
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        let response = response.map_err(problem)?;
        self.count(response.consumed_capacity());
        Ok(())
    }

    /// The data of the principal's team in the principal's mode.
    pub(crate) fn team<Rights>(&self, principal: &Principal) -> TeamStore<Rights> {
        TeamStore::new(self.clone(), key::team(&principal.team, principal.mode))
    }

    /// An item, read consistently; `None` if there is none.
    async fn get(&self, pk: &str, sk: &str) -> Result<Option<Item>, Problem> {
        let request = self.table.client.get_item().table_name(&self.table.name);
        let response = request
            .key(key::PK, AttributeValue::S(pk.to_owned()))
            .key(key::SK, AttributeValue::S(sk.to_owned()))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(problem)?;
        self.count(response.consumed_capacity());
        Ok(response.item)
    }

    /// All items of a partition whose sort keys have this prefix, read consistently, in the order of
    /// the sort keys. Writers limit their number, so they nearly always fit a query page of 1 MB.
    async fn all<T: for<'de> Deserialize<'de>>(
        &self,
        pk: &str,
        prefix: &str,
    ) -> Result<Vec<T>, Problem> {
        let mut found = Vec::new();
        let mut start: Option<Item> = None;
        loop {
            let query = self.table.client.query().table_name(&self.table.name);
            let page = query
                .key_condition_expression("#pk = :pk AND begins_with(#sk, :prefix)")
                .expression_attribute_names("#pk", key::PK)
                .expression_attribute_names("#sk", key::SK)
                .expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()))
                .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()))
                .set_exclusive_start_key(start)
                .consistent_read(true)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(problem)?;
            self.count(page.consumed_capacity());
            let items = page.items.unwrap_or_default();
            found.extend(serde_dynamo::from_items::<_, T>(items).map_err(malformed)?);
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(found);
            }
        }
    }

    /// Puts an item over the one that has this version, or where there is none. The stored item if it
    /// has another version. The item must carry `write_id`.
    async fn put_over(
        &self,
        item: Item,
        over: Option<Version>,
        write_id: &str,
    ) -> Result<Option<Item>, Problem> {
        let put = self.table.client.put_item().table_name(&self.table.name);
        let put = match over {
            None => put
                .condition_expression("attribute_not_exists(#pk)")
                .expression_attribute_names("#pk", key::PK),
            Some(version) => put
                .condition_expression("#version = :version")
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_values(":version", AttributeValue::N(version.to_string())),
        };
        let written = put
            .set_item(Some(item))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match written {
            Ok(done) => {
                self.count(done.consumed_capacity());
                Ok(None)
            }
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    self.count(None);
                    let existing = failed.item().cloned().unwrap_or_default();
                    // The response to an earlier attempt of this very write may have been lost.
                    let is_own = text(&existing, WRITE_ID).as_deref() == Some(write_id);
                    Ok((!is_own).then_some(existing))
                }
                _ => Err(problem(error)),
            },
        }
    }

    /// The mark of the next write, which is unique: a run can make hundreds of thousands of writes. It
    /// fits a client request token of 36 characters.
    fn next_write_id(&self) -> String {
        let number = self.shared.writes.fetch_add(1, Ordering::Relaxed);
        let places = [36 * 36 * 36, 36 * 36, 36, 1];
        let digits = places.map(|place| char::from_digit(number / place % 36, 36));
        let digits = digits.into_iter().flatten();
        self.shared.id.chars().chain(digits).collect()
    }

    fn count(&self, consumed: Option<&ConsumedCapacity>) {
        self.shared.calls.fetch_add(1, Ordering::Relaxed);
        let units = consumed
            .and_then(ConsumedCapacity::capacity_units)
            .unwrap_or(0.0);
        // The smallest part of a unit is a half, so thousandths are exact.
        self.shared
            .milliunits
            .fetch_add((units * 1_000.0) as u64, Ordering::Relaxed);
    }
}

/// The problem that a failed call causes. A table that is busy, slow or unreachable is unavailable;
/// everything else is a bug of ours.
fn problem<E, R>(error: SdkError<E, R>) -> Problem
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    const BUSY: &[&str] = &[
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionConflictException",
        "TransactionInProgressException",
    ];
    let unavailable = match &error {
        SdkError::ConstructionFailure(_) => false,
        SdkError::ServiceError(service) => {
            service.err().code().is_none_or(|code| BUSY.contains(&code))
        }
        _ => true,
    };
    let cause: Cause = Box::new(error);
    if unavailable {
        Problem::Unavailable(cause)
    } else {
        Problem::Internal(cause)
    }
}

/// An item that cannot be read or written is a bug of ours.
fn malformed(error: serde_dynamo::Error) -> Problem {
    Problem::Internal(Box::new(error))
}

fn string(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn text(item: &Item, name: &str) -> Option<String> {
    item.get(name)?.as_s().ok().cloned()
}

fn number<T: std::str::FromStr>(item: &Item, name: &str) -> Option<T> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_writes_of_a_long_run_have_different_marks_that_fit_a_request_token() {
        let id = RequestId::new(jiff::Timestamp::UNIX_EPOCH, &[0; 10]);
        let store = client::connect_to("http://127.0.0.1:1", "none").for_request(&id);
        let marks: HashSet<String> = (0..50_000).map(|_| store.next_write_id()).collect();
        assert_eq!(marks.len(), 50_000);
        assert!(marks.iter().all(|mark| mark.len() <= 36));
    }
}
