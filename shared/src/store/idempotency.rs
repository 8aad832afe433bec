//! Records of finished requests.
//!
//! Other versions of this program read a record, too: a canary and its predecessor share the table.
//! So the format has a number, and consists of strings that mean the same in every version.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::digest::Digest;
use crate::domain::id::CalendarId;
use crate::domain::text::Name;
use crate::domain::version::Version;
use crate::problem::Problem;
use crate::reply;
use crate::store::calendars::CalendarSnapshot;
use crate::store::{Item, Store, key, malformed, transaction};

/// The format of the records that this version writes and reads.
const FORMAT: u32 = 1;

/// Identifies the record of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scope(Digest);

/// The record of a request that is about to be finished.
#[derive(Clone, Debug)]
pub struct Record {
    /// Identifies it.
    pub scope: Scope,
    /// A digest of the request's body.
    pub fingerprint: Digest,
    /// The reply.
    pub reply: RecordedReply,
    /// The body of the reply.
    pub body: RecordedBody,
    /// When it is written.
    pub now: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// What a write does about the record of its request. Only [`crate::serve`] makes one, from what the
/// request says, so a handler cannot leave the record out.
#[derive(Clone, Debug)]
pub struct Recording(Option<Record>);

/// A reply without its body, in strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedReply {
    /// What happened: `ok` or `created`.
    pub outcome: String,
    /// The path of a new resource.
    pub location: Option<String>,
    /// The entity tag of the resource.
    pub etag: Option<String>,
}

/// How a record stores the body of a reply.
#[derive(Clone, Debug)]
pub enum RecordedBody {
    /// As JSON.
    Text(String),
    /// As a reference, since a calendar may be large and its schedules stay in the table anyway.
    Calendar(CalendarSnapshot),
}

/// A request that was finished earlier.
#[derive(Clone, Debug)]
pub struct Earlier {
    /// A digest of its body.
    pub fingerprint: Digest,
    /// The reply.
    pub reply: RecordedReply,
    /// The body of the reply, as JSON.
    pub body: String,
}

/// The outcome of a write.
#[derive(Debug)]
pub enum Written {
    /// It is done.
    Now,
    /// It is not done, since an earlier request with the same key was.
    Earlier(Earlier),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordItem {
    pk: String,
    sk: String,
    format: u32,
    fingerprint: Digest,
    outcome: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    calendar: Option<CalendarReference>,
    expires_at: i64,
    /// When DynamoDB may delete the item.
    ttl: i64,
    write_id: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CalendarReference {
    partition: String,
    id: CalendarId,
    name: Name,
    is_default: bool,
    schedule_version: Version,
}

impl Scope {
    /// The scope with this digest.
    pub fn new(digest: Digest) -> Scope {
        Scope(digest)
    }
}

impl Recording {
    pub(crate) fn new(record: Option<Record>) -> Recording {
        Recording(record)
    }

    pub(super) fn into_record(self) -> Option<Record> {
        self.0
    }

    /// Stores the reply's body as a reference to this calendar.
    pub(super) fn of_calendar(self, calendar: CalendarSnapshot) -> Recording {
        Recording(self.0.map(|record| Record {
            body: RecordedBody::Calendar(calendar),
            ..record
        }))
    }
}

impl Store {
    /// The request that is recorded in a scope, if its record has not expired.
    pub async fn recorded(
        &self,
        scope: &Scope,
        now: Timestamp,
    ) -> Result<Option<Earlier>, Problem> {
        let (pk, sk) = key::idempotency(scope.0.as_str());
        let Some(item) = self.get(&pk, &sk).await? else {
            return Ok(None);
        };
        let expires_at: Option<i64> = super::number(&item, "expiresAt");
        if expires_at.is_some_and(|at| at <= now.as_second()) {
            return Ok(None);
        }
        self.earlier(item).await.map(Some)
    }

    /// Reads a record and what it refers to.
    pub(super) async fn earlier(&self, item: Item) -> Result<Earlier, Problem> {
        if super::number(&item, "format") != Some(FORMAT) {
            // The version of this program that wrote it can replay it.
            return Err(Problem::Unavailable(
                "the record has the format of another version".into(),
            ));
        }
        let item: RecordItem = serde_dynamo::from_item(item).map_err(malformed)?;
        let body = match (item.body, item.calendar) {
            (Some(body), _) => body,
            (None, Some(reference)) => self.calendar_body(reference).await?,
            (None, None) => return Err(Problem::Internal("a record has no body".into())),
        };
        Ok(Earlier {
            fingerprint: item.fingerprint,
            reply: RecordedReply {
                outcome: item.outcome,
                location: item.location,
                etag: item.etag,
            },
            body,
        })
    }

    async fn calendar_body(&self, reference: CalendarReference) -> Result<String, Problem> {
        let snapshot = CalendarSnapshot {
            partition: reference.partition,
            id: reference.id,
            name: reference.name,
            is_default: reference.is_default,
            schedule_version: reference.schedule_version,
        };
        let calendar = self.calendar_at(&snapshot).await?;
        reply::calendar::json(&calendar)
    }
}

impl Record {
    /// Puts the record, unless there is one that has not expired.
    pub(super) fn put(&self, write_id: &str) -> Result<PutBuilder, Problem> {
        let (pk, sk) = key::idempotency(self.scope.0.as_str());
        let expires_at = self.expires_at.as_second();
        let (body, calendar) = match self.body.clone() {
            RecordedBody::Text(body) => (Some(body), None),
            RecordedBody::Calendar(snapshot) => (None, Some(snapshot.into())),
        };
        let RecordedReply {
            outcome,
            location,
            etag,
        } = self.reply.clone();
        let item = RecordItem {
            pk,
            sk,
            format: FORMAT,
            fingerprint: self.fingerprint.clone(),
            outcome,
            location,
            etag,
            body,
            calendar,
            expires_at,
            ttl: expires_at,
            write_id: write_id.to_owned(),
        };
        let now = AttributeValue::N(self.now.as_second().to_string());
        Ok(transaction::put(&item)?
            .condition_expression("attribute_not_exists(#pk) OR #expires <= :now")
            .expression_attribute_names("#pk", key::PK)
            .expression_attribute_names("#expires", "expiresAt")
            .expression_attribute_values(":now", now))
    }
}

impl From<CalendarSnapshot> for CalendarReference {
    fn from(snapshot: CalendarSnapshot) -> CalendarReference {
        CalendarReference {
            partition: snapshot.partition,
            id: snapshot.id,
            name: snapshot.name,
            is_default: snapshot.is_default,
            schedule_version: snapshot.schedule_version,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::RequestId;
    use crate::store::client;

    #[test]
    fn a_record_in_the_format_of_another_version_is_left_to_that_version() {
        let id = RequestId::new(Timestamp::UNIX_EPOCH, &[0; 10]);
        let store = client::connect_to("http://127.0.0.1:1", "none").for_request(&id);
        let format = AttributeValue::N((FORMAT + 1).to_string());
        let item = Item::from([("format".to_owned(), format)]);
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let earlier = runtime.expect("a runtime").block_on(store.earlier(item));
        assert!(matches!(earlier, Err(Problem::Unavailable(_))));
    }
}
