//! Several items changed together, or none.

use std::time::Duration;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, Delete, Put, ReturnConsumedCapacity,
    ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use serde::Serialize;

use crate::domain::version::Version;
use crate::problem::Problem;
use crate::store::{Item, Store, key, malformed, problem, string, text};

/// How often a transaction that only met another one is tried again. With the pauses below, that
/// is up to about two seconds: more contention than this is an outage, and told as one.
const MAX_CONFLICTS: u32 = 10;
/// The longest pause before trying again, the first time; it doubles up to [`MAX_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// The longest pause of all.
const MAX_PAUSE: Duration = Duration::from_millis(320);

/// The attribute with the mark of the last write.
pub(super) const WRITE_ID: &str = "writeId";

/// The attribute that optimistic locking compares.
pub(super) const VERSION: &str = "version";

/// What became of a transaction.
pub(super) enum Transacted {
    /// It happened.
    Applied,
    /// It did not: for each of its items that stood in the way, in the order in which they were
    /// given, the item as it is (empty if there is none).
    Refused(Vec<Option<Item>>),
}

impl Store {
    /// Changes several items together. Every condition must ask for `ALL_OLD`, and every item put
    /// or updated must carry `write_id`: a refusal by one's own earlier attempt is a success.
    pub(super) async fn transact(
        &self,
        write_id: &str,
        items: Vec<TransactWriteItem>,
    ) -> Result<Transacted, Problem> {
        let mut pause = FIRST_PAUSE;
        for _ in 0..MAX_CONFLICTS {
            let request = self.table.client.transact_write_items();
            let request = request
                .set_transact_items(Some(items.clone()))
                .client_request_token(write_id);
            let answer = request
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await;
            let reasons = match answer {
                Ok(done) => {
                    self.count(done.consumed_capacity().first());
                    return Ok(Transacted::Applied);
                }
                Err(error) => match error.as_service_error() {
                    Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                        self.count(None);
                        cancelled.cancellation_reasons().to_vec()
                    }
                    Some(TransactWriteItemsError::TransactionInProgressException(_)) => {
                        self.count(None);
                        Vec::new()
                    }
                    _ => return Err(problem(error)),
                },
            };
            if let Some(transacted) = verdict(write_id, reasons)? {
                return Ok(transacted);
            }
            tokio::time::sleep(jittered(pause)).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
        Err(Problem::Unavailable(
            "other transactions stood in the way every time".into(),
        ))
    }

    /// Puts an item where there is none.
    pub(super) fn put_new(&self, item: &impl Serialize) -> Result<TransactWriteItem, Problem> {
        let put = Put::builder()
            .table_name(&self.table.name)
            .set_item(Some(serde_dynamo::to_item(item).map_err(malformed)?))
            .condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", key::PK)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build();
        let put = put.map_err(|error| Problem::Internal(Box::new(error)))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Puts an item over the one that has this version.
    pub(super) fn put_over(
        &self,
        item: &impl Serialize,
        version: Version,
    ) -> Result<TransactWriteItem, Problem> {
        let put = Put::builder()
            .table_name(&self.table.name)
            .set_item(Some(serde_dynamo::to_item(item).map_err(malformed)?))
            .condition_expression("#version = :version")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_values(":version", AttributeValue::N(version.to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build();
        let put = put.map_err(|error| Problem::Internal(Box::new(error)))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Deletes the item that has this version, or, without one, whatever is there.
    pub(super) fn delete(
        &self,
        pk: &str,
        sk: &str,
        version: Option<Version>,
    ) -> Result<TransactWriteItem, Problem> {
        let mut delete = Delete::builder()
            .table_name(&self.table.name)
            .key(key::PK, string(pk))
            .key(key::SK, string(sk))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        if let Some(version) = version {
            delete = delete
                .condition_expression("#version = :version")
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_values(":version", AttributeValue::N(version.to_string()));
        }
        let delete = delete
            .build()
            .map_err(|error| Problem::Internal(Box::new(error)))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    /// Counts one less of a kind.
    pub(super) fn one_less(
        &self,
        pk: &str,
        sk: &str,
        write_id: &str,
    ) -> Result<TransactWriteItem, Problem> {
        update_item(self.count_by(pk, sk, -1, write_id))
    }

    /// Counts one more of a kind, unless there are `max` already.
    pub(super) fn one_more(
        &self,
        pk: &str,
        sk: &str,
        max: u32,
        write_id: &str,
    ) -> Result<TransactWriteItem, Problem> {
        let update = self
            .count_by(pk, sk, 1, write_id)
            .condition_expression("attribute_not_exists(#n) OR #n < :max")
            .expression_attribute_values(":max", AttributeValue::N(max.to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        update_item(update)
    }

    fn count_by(&self, pk: &str, sk: &str, more: i8, write_id: &str) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.table.name)
            .key(key::PK, string(pk))
            .key(key::SK, string(sk))
            .update_expression("ADD #n :more SET #write = :write")
            .expression_attribute_names("#n", "n")
            .expression_attribute_names("#write", WRITE_ID)
            .expression_attribute_values(":more", AttributeValue::N(more.to_string()))
            .expression_attribute_values(":write", string(write_id))
    }
}

fn update_item(update: UpdateBuilder) -> Result<TransactWriteItem, Problem> {
    let update = update
        .build()
        .map_err(|error| Problem::Internal(Box::new(error)))?;
    Ok(TransactWriteItem::builder().update(update).build())
}

/// What a cancelled transaction comes to; `None` if it only met others and is worth another try.
fn verdict(
    write_id: &str,
    reasons: Vec<CancellationReason>,
) -> Result<Option<Transacted>, Problem> {
    const WORTH_ANOTHER_TRY: &[&str] = &[
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
            .find(|code| !WORTH_ANOTHER_TRY.contains(code));
        return match broken {
            Some(code) => Err(Problem::Internal(
                format!("transaction cancelled: {code}").into(),
            )),
            None => Ok(None),
        };
    }
    let items = reasons
        .into_iter()
        .map(|reason| failed(&reason).then(|| reason.item.unwrap_or_default()));
    let items: Vec<Option<Item>> = items.collect();
    let mine = items
        .iter()
        .flatten()
        .any(|item| text(item, WRITE_ID).as_deref() == Some(write_id));
    Ok(Some(if mine {
        Transacted::Applied
    } else {
        Transacted::Refused(items)
    }))
}

fn jittered(pause: Duration) -> Duration {
    let mut byte = [0_u8; 1];
    // Without randomness, the whole pause.
    let share = getrandom::fill(&mut byte).map_or(255, |()| u32::from(byte[0]));
    pause * share / 255
}
