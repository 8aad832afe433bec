//! Several items changed together, or none.

use std::time::Duration;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::{DeleteBuilder, PutBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, Delete, Put, ReturnConsumedCapacity,
    ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use serde::Serialize;

use crate::domain::version::Version;
use crate::problem::{Problem, TeamProblem};
use crate::random;
use crate::store::idempotency::{Recording, Written};
use crate::store::{Item, Store, key, malformed, problem, string, text};

/// How often a transaction that only met other transactions is attempted. With the pauses below this
/// takes up to about two seconds: more contention is an outage, and reported as one.
const MAX_CONFLICTS: u32 = 10;
/// The longest pause before the second attempt. It doubles with every attempt, up to [`MAX_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// The longest pause of all.
const MAX_PAUSE: Duration = Duration::from_millis(320);

/// The most items of a transaction.
pub(super) const MAX_ITEMS: usize = 100;

/// The attribute with the mark of the last write.
pub(super) const WRITE_ID: &str = "writeId";

/// The attribute that optimistic locking compares.
pub(super) const VERSION: &str = "version";

/// Several items that change together, or not at all.
///
/// Each item is added together with the problem that its refusal means, so that another item cannot
/// change it. If several items are refused, the one that was added first is reported.
pub(super) struct Transaction<'a> {
    store: &'a Store,
    write_id: String,
    items: Vec<TransactWriteItem>,
    refusals: Vec<fn() -> Problem>,
}

/// The outcome of a transaction.
enum Outcome {
    /// It was applied.
    Applied,
    /// It was not applied. The indices of the items that refused it, and those items as stored (empty
    /// where there is none).
    Refused(Vec<(usize, Item)>),
}

impl Store {
    /// A transaction without items.
    pub(super) fn transaction(&self) -> Transaction<'_> {
        Transaction {
            store: self,
            write_id: self.next_write_id(),
            items: Vec::new(),
            refusals: Vec::new(),
        }
    }
}

impl Transaction<'_> {
    /// The mark that every item put or updated must carry.
    pub(super) fn write_id(&self) -> &str {
        &self.write_id
    }

    /// Puts an item where there is none.
    pub(super) fn put_new(
        &mut self,
        item: &impl Serialize,
        refused: fn() -> Problem,
    ) -> Result<(), Problem> {
        let item = serde_dynamo::to_item(item).map_err(malformed)?;
        self.put_over(item, None, refused)
    }

    /// Puts an item, whether there is one or not.
    pub(super) fn put_any(&mut self, item: Item) -> Result<(), Problem> {
        let never = || Problem::Internal("an unconditional put was refused".into());
        self.put(Put::builder().set_item(Some(item)), never)
    }

    /// Replaces the item that has this version; [`Problem::WriteConflict`] if it has another.
    pub(super) fn replace(
        &mut self,
        item: &impl Serialize,
        version: Version,
    ) -> Result<(), Problem> {
        let item = serde_dynamo::to_item(item).map_err(malformed)?;
        self.put_over(item, Some(version), || Problem::WriteConflict)
    }

    /// Puts an item over the one that has this version, or where there is none.
    pub(super) fn put_over(
        &mut self,
        item: Item,
        over: Option<Version>,
        refused: fn() -> Problem,
    ) -> Result<(), Problem> {
        let put = Put::builder().set_item(Some(item));
        let put = match over {
            None => put
                .condition_expression("attribute_not_exists(#pk)")
                .expression_attribute_names("#pk", key::PK),
            Some(version) => put
                .condition_expression("#version = :version")
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_values(":version", AttributeValue::N(version.to_string())),
        };
        self.put(put, refused)
    }

    /// Whether it has no room for `more` items than one more.
    pub(super) fn is_full(&self, more: usize) -> bool {
        self.items.len() + more >= MAX_ITEMS
    }

    /// Deletes the item that has this version; [`Problem::WriteConflict`] if it has another.
    pub(super) fn delete(&mut self, pk: &str, sk: &str, version: Version) -> Result<(), Problem> {
        let delete = delete(pk, sk)
            .condition_expression("#version = :version")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_values(":version", AttributeValue::N(version.to_string()));
        self.delete_if(delete, || Problem::WriteConflict)
    }

    /// Deletes an item, if there is one.
    pub(super) fn delete_any(&mut self, pk: &str, sk: &str) -> Result<(), Problem> {
        let never = || Problem::Internal("an unconditional deletion was refused".into());
        self.delete_if(delete(pk, sk), never)
    }

    /// Decrements a count.
    pub(super) fn decrement(&mut self, pk: &str, sk: &str) -> Result<(), Problem> {
        let never = || Problem::Internal("an unconditional count was refused".into());
        self.update(self.count_by(pk, sk, -1), never)
    }

    /// Increments a count, unless it is `max` already.
    pub(super) fn increment(
        &mut self,
        pk: &str,
        sk: &str,
        max: u32,
        refused: fn() -> Problem,
    ) -> Result<(), Problem> {
        let update = self
            .count_by(pk, sk, 1)
            .condition_expression("attribute_not_exists(#n) OR #n < :max")
            .expression_attribute_values(":max", AttributeValue::N(max.to_string()));
        self.update(update, refused)
    }

    /// Puts an item on a condition.
    pub(super) fn put(&mut self, put: PutBuilder, refused: fn() -> Problem) -> Result<(), Problem> {
        let put = put
            .table_name(&self.store.table.name)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(incomplete)?;
        self.items
            .push(TransactWriteItem::builder().put(put).build());
        self.refusals.push(refused);
        Ok(())
    }

    /// Updates an item on a condition. The update must set `#write` to [`Transaction::write_id`].
    pub(super) fn update(
        &mut self,
        update: UpdateBuilder,
        refused: fn() -> Problem,
    ) -> Result<(), Problem> {
        let update = update
            .table_name(&self.store.table.name)
            .expression_attribute_names("#write", WRITE_ID)
            .expression_attribute_values(":write", string(&self.write_id))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(incomplete)?;
        self.items
            .push(TransactWriteItem::builder().update(update).build());
        self.refusals.push(refused);
        Ok(())
    }

    /// Deletes an item on a condition.
    pub(super) fn delete_if(
        &mut self,
        delete: DeleteBuilder,
        refused: fn() -> Problem,
    ) -> Result<(), Problem> {
        let delete = delete
            .table_name(&self.store.table.name)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(incomplete)?;
        self.items
            .push(TransactWriteItem::builder().delete(delete).build());
        self.refusals.push(refused);
        Ok(())
    }

    /// Writes all items, or reports why they were refused.
    pub(super) async fn commit(self) -> Result<(), Problem> {
        match self.write().await? {
            Outcome::Applied => Ok(()),
            Outcome::Refused(refused) => Err(self.refusal(&refused)),
        }
    }

    /// Writes all items. If the first one was refused, that item as stored.
    pub(super) async fn commit_unless_other(self) -> Result<Option<Item>, Problem> {
        match self.write().await? {
            Outcome::Applied => Ok(None),
            Outcome::Refused(mut refused) => {
                match refused.iter().position(|(place, _)| *place == 0) {
                    Some(first) => Ok(Some(refused.swap_remove(first).1)),
                    None => Err(self.refusal(&refused)),
                }
            }
        }
    }

    /// Writes all items; `false` if one was refused.
    pub(super) async fn commit_if_allowed(self) -> Result<bool, Problem> {
        Ok(matches!(self.write().await?, Outcome::Applied))
    }

    /// Writes all items and the record of the request. The record of an earlier request with the same
    /// key takes precedence over every refusal.
    pub(super) async fn commit_once(mut self, recording: Recording) -> Result<Written, Problem> {
        let Some(record) = recording.into_record() else {
            return self.commit().await.map(|()| Written::Now);
        };
        let place = self.items.len();
        let put = record.put(&self.write_id)?;
        self.put(put, || Problem::Team(TeamProblem::IdempotencyKeyReused))?;
        let refused = match self.write().await? {
            Outcome::Applied => return Ok(Written::Now),
            Outcome::Refused(refused) => refused,
        };
        match refused.iter().find(|(at, _)| *at == place) {
            Some((_, item)) => {
                let earlier = self.store.earlier(item.clone()).await?;
                Ok(Written::Earlier(earlier))
            }
            None => Err(self.refusal(&refused)),
        }
    }

    async fn write(&self) -> Result<Outcome, Problem> {
        let store = self.store;
        let mut pause = FIRST_PAUSE;
        for _ in 0..MAX_CONFLICTS {
            let request = store.table.client.transact_write_items();
            let request = request
                .set_transact_items(Some(self.items.clone()))
                .client_request_token(&self.write_id);
            let answer = request
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await;
            let reasons = match answer {
                Ok(done) => {
                    store.count(done.consumed_capacity().first());
                    return Ok(Outcome::Applied);
                }
                Err(error) => match error.as_service_error() {
                    Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                        store.count(None);
                        cancelled.cancellation_reasons().to_vec()
                    }
                    Some(TransactWriteItemsError::TransactionInProgressException(_)) => {
                        store.count(None);
                        Vec::new()
                    }
                    _ => return Err(problem(error)),
                },
            };
            if let Some(outcome) = verdict(&self.write_id, reasons)? {
                return Ok(outcome);
            }
            tokio::time::sleep(jittered(pause)).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
        Err(Problem::Unavailable(
            "every attempt of a transaction met another one".into(),
        ))
    }

    /// The problem of the first item that was refused.
    fn refusal(&self, refused: &[(usize, Item)]) -> Problem {
        let first = refused.iter().map(|(place, _)| *place).min();
        let refusal = first.and_then(|place| self.refusals.get(place));
        refusal.map_or_else(
            || Problem::Internal("a transaction was refused by none of its items".into()),
            |refusal| refusal(),
        )
    }

    fn count_by(&self, pk: &str, sk: &str, more: i8) -> UpdateBuilder {
        update(pk, sk)
            .update_expression("ADD #n :more SET #write = :write")
            .expression_attribute_names("#n", "n")
            .expression_attribute_values(":more", AttributeValue::N(more.to_string()))
    }
}

/// The update of an item, without its expressions.
pub(super) fn update(pk: &str, sk: &str) -> UpdateBuilder {
    Update::builder()
        .key(key::PK, string(pk))
        .key(key::SK, string(sk))
}

/// The deletion of an item, without a condition.
pub(super) fn delete(pk: &str, sk: &str) -> DeleteBuilder {
    Delete::builder()
        .key(key::PK, string(pk))
        .key(key::SK, string(sk))
}

/// The put of an item, without a condition.
pub(super) fn put(item: &impl Serialize) -> Result<PutBuilder, Problem> {
    let item = serde_dynamo::to_item(item).map_err(malformed)?;
    Ok(Put::builder().set_item(Some(item)))
}

fn incomplete(error: BuildError) -> Problem {
    Problem::Internal(Box::new(error))
}

/// The outcome of a cancelled transaction; `None` if it only met others and may be tried again.
fn verdict(write_id: &str, reasons: Vec<CancellationReason>) -> Result<Option<Outcome>, Problem> {
    const RETRYABLE: &[&str] = &[
        "None",
        "ProvisionedThroughputExceeded",
        "ThrottlingError",
        "TransactionConflict",
    ];
    let failed = |reason: &CancellationReason| reason.code() == Some("ConditionalCheckFailed");
    if !reasons.iter().any(failed) {
        let broken = reasons
            .iter()
            .filter_map(CancellationReason::code)
            .find(|code| !RETRYABLE.contains(code));
        return match broken {
            Some(code) => Err(Problem::Internal(
                format!("transaction cancelled: {code}").into(),
            )),
            None => Ok(None),
        };
    }
    let refused = reasons.into_iter().enumerate();
    let refused = refused.filter(|(_, reason)| failed(reason));
    let refused: Vec<(usize, Item)> = refused
        .map(|(place, reason)| (place, reason.item.unwrap_or_default()))
        .collect();
    let is_mine = |item: &Item| text(item, WRITE_ID).as_deref() == Some(write_id);
    Ok(Some(if refused.iter().any(|(_, item)| is_mine(item)) {
        Outcome::Applied
    } else {
        Outcome::Refused(refused)
    }))
}

/// A random share of a pause.
pub(super) fn jittered(pause: Duration) -> Duration {
    let [share] = random::bytes();
    pause * u32::from(share) / 255
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::RequestId;
    use crate::problem::Resource;
    use crate::store::client;

    const MINE: &str = "mine-1";

    fn reason(code: &str, write_id: Option<&str>) -> CancellationReason {
        let item = write_id.map(|id| Item::from([(WRITE_ID.to_owned(), string(id))]));
        CancellationReason::builder()
            .code(code)
            .set_item(item)
            .build()
    }

    #[test]
    fn a_transaction_that_only_met_others_is_tried_again() {
        for codes in [
            vec![],
            vec!["None", "TransactionConflict"],
            vec!["ThrottlingError", "ProvisionedThroughputExceeded"],
        ] {
            let reasons = codes.iter().map(|code| reason(code, None)).collect();
            assert!(matches!(verdict(MINE, reasons), Ok(None)), "{codes:?}");
        }
        let broken = vec![
            reason("None", None),
            reason("ItemCollectionSizeLimitExceeded", None),
        ];
        assert!(matches!(verdict(MINE, broken), Err(Problem::Internal(_))));
    }

    #[test]
    fn a_refusal_by_ones_own_earlier_attempt_is_a_success() {
        let failed = "ConditionalCheckFailed";
        let own = vec![reason("None", None), reason(failed, Some(MINE))];
        assert!(matches!(verdict(MINE, own), Ok(Some(Outcome::Applied))));
        let others = vec![
            reason("TransactionConflict", None),
            reason(failed, Some("theirs-1")),
            reason(failed, None),
        ];
        let Ok(Some(Outcome::Refused(refused))) = verdict(MINE, others) else {
            unreachable!("others refused it");
        };
        let places: Vec<usize> = refused.iter().map(|(place, _)| *place).collect();
        assert_eq!(places, [1, 2]);
    }

    #[test]
    fn the_item_that_was_added_first_says_why() {
        let id = RequestId::new(jiff::Timestamp::UNIX_EPOCH, &[0; 10]);
        let store = client::connect_to("http://127.0.0.1:1", "none").for_request(&id);
        let mut transaction = store.transaction();
        let limit = || Problem::LimitExceeded {
            resource: Resource::Rule,
            max: 1,
        };
        transaction.delete_any("pk", "a").expect("a deletion");
        transaction.increment("pk", "b", 1, limit).expect("a count");
        transaction
            .delete("pk", "c", Version::default())
            .expect("a deletion");
        let refused = |places: &[usize]| {
            let items: Vec<_> = places.iter().map(|place| (*place, Item::new())).collect();
            transaction.refusal(&items)
        };
        assert!(matches!(refused(&[2, 1]), Problem::LimitExceeded { .. }));
        assert!(matches!(refused(&[2]), Problem::WriteConflict));
        assert!(matches!(refused(&[]), Problem::Internal(_)));
    }

    #[test]
    fn a_transaction_is_full_when_no_room_is_left_for_one_more() {
        let id = RequestId::new(jiff::Timestamp::UNIX_EPOCH, &[0; 10]);
        let store = client::connect_to("http://127.0.0.1:1", "none").for_request(&id);
        let mut transaction = store.transaction();
        for number in 0..60 {
            let sk = number.to_string();
            transaction.delete_any("pk", &sk).expect("a deletion");
        }
        assert!(!transaction.is_full(MAX_ITEMS - 61));
        assert!(transaction.is_full(MAX_ITEMS - 60));
    }

    #[test]
    fn what_carries_the_mark_of_a_transaction_is_its_own() {
        let id = RequestId::new(jiff::Timestamp::UNIX_EPOCH, &[0; 10]);
        let store = client::connect_to("http://127.0.0.1:1", "none").for_request(&id);
        let (one, other) = (store.transaction(), store.transaction());
        let refused = || vec![reason("ConditionalCheckFailed", Some(one.write_id()))];
        let own = verdict(&one.write_id, refused());
        assert!(matches!(own, Ok(Some(Outcome::Applied))));
        let others = verdict(&other.write_id, refused());
        assert!(matches!(others, Ok(Some(Outcome::Refused(_)))));
    }

    #[test]
    fn a_pause_is_a_random_share_of_its_longest() {
        let longest = Duration::from_millis(255);
        let pauses: Vec<Duration> = (0..100).map(|_| jittered(longest)).collect();
        assert!(pauses.iter().all(|pause| *pause <= longest));
        assert!(pauses.iter().any(|pause| *pause != pauses[0]));
    }
}
