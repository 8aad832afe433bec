//! Records of finished requests.

use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::digest::Digest;
use crate::problem::Problem;
use crate::store::transaction::Transacted;
use crate::store::{Item, Store, key, malformed};

/// Where a record lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scope(Digest);

/// A finished request.
#[derive(Clone, Debug)]
pub struct Record {
    /// Where it lies.
    pub scope: Scope,
    /// What its body said.
    pub fingerprint: Digest,
    /// What was replied, as JSON.
    pub reply: String,
    /// When it is written.
    pub now: Timestamp,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

/// What became of a write that is done once.
#[derive(Debug)]
pub enum Written {
    /// It was done.
    Now,
    /// An earlier request with the same key was done, and this one was not.
    Earlier(Record),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordItem {
    pk: String,
    sk: String,
    fingerprint: Digest,
    reply: String,
    written_at: i64,
    expires_at: i64,
    /// What DynamoDB cleans up by.
    ttl: i64,
    write_id: String,
}

impl Scope {
    /// A place of its own for whatever hashes to this.
    pub fn new(digest: Digest) -> Scope {
        Scope(digest)
    }
}

impl Store {
    /// The record of a scope, if there is one that still counts.
    pub async fn recorded(&self, scope: &Scope, now: Timestamp) -> Result<Option<Record>, Problem> {
        let (pk, sk) = key::idempotency(scope.0.as_str());
        let Some(item) = self.get(&pk, &sk).await? else {
            return Ok(None);
        };
        let record = record(scope.clone(), item)?;
        Ok((record.expires_at > now).then_some(record))
    }

    /// Changes several items together, with a record behind them, if there is to be one. What
    /// refused it, item by item, if it was not the record of an earlier request.
    pub(super) async fn transact_once(
        &self,
        write_id: &str,
        mut items: Vec<TransactWriteItem>,
        with: Option<&Record>,
    ) -> Result<Result<Written, Vec<Option<Item>>>, Problem> {
        if let Some(with) = with {
            items.push(self.put_record(with, write_id)?);
        }
        let mut refused = match self.transact(write_id, items).await? {
            Transacted::Applied => return Ok(Ok(Written::Now)),
            Transacted::Refused(refused) => refused,
        };
        if let Some(with) = with
            && let Some(found) = refused.pop().flatten()
        {
            return Ok(Ok(Written::Earlier(record(with.scope.clone(), found)?)));
        }
        Ok(Err(refused))
    }

    /// Writes a record where there is none that still counts.
    fn put_record(&self, record: &Record, write_id: &str) -> Result<TransactWriteItem, Problem> {
        let (pk, sk) = key::idempotency(record.scope.0.as_str());
        let expires_at = record.expires_at.as_second();
        let item = RecordItem {
            pk,
            sk,
            fingerprint: record.fingerprint.clone(),
            reply: record.reply.clone(),
            written_at: record.now.as_second(),
            expires_at,
            ttl: expires_at,
            write_id: write_id.to_owned(),
        };
        let now = AttributeValue::N(record.now.as_second().to_string());
        let put = Put::builder()
            .table_name(&self.table.name)
            .set_item(Some(serde_dynamo::to_item(item).map_err(malformed)?))
            .condition_expression("attribute_not_exists(#pk) OR #expires <= :now")
            .expression_attribute_names("#pk", key::PK)
            .expression_attribute_names("#expires", "expiresAt")
            .expression_attribute_values(":now", now)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build();
        let put = put.map_err(|error| Problem::Internal(Box::new(error)))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

fn record(scope: Scope, item: Item) -> Result<Record, Problem> {
    let item: RecordItem = serde_dynamo::from_item(item).map_err(malformed)?;
    let instant =
        |second| Timestamp::from_second(second).map_err(|error| Problem::Internal(Box::new(error)));
    Ok(Record {
        scope,
        fingerprint: item.fingerprint,
        reply: item.reply,
        now: instant(item.written_at)?,
        expires_at: instant(item.expires_at)?,
    })
}
