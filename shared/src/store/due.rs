//! What waits for a time: the index `due`, by which scheduled functions find it.
//!
//! An entry that is too early is harmless: whoever finds it looks at the item itself. One that is too
//! late is a bug.

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use futures_util::future::try_join_all;
use jiff::Timestamp;

use crate::problem::Problem;
use crate::store::key::Waiting;
use crate::store::{Item, Store, key, problem, string, text};

/// The most entries that a run takes from a partition of the index. What is left is found by the next
/// run.
const MAX_ENTRIES: usize = 5_000;

/// An entry of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// When it is due.
    pub(super) at: Timestamp,
    /// The partition key of its item.
    pub(super) pk: String,
    /// The sort key of its item.
    pub(super) sk: String,
}

impl Store {
    /// What is due until an instant, soonest first. The index may lag behind writes by a moment.
    pub(super) async fn due(
        &self,
        waiting: Waiting,
        until: Timestamp,
    ) -> Result<Vec<Entry>, Problem> {
        let shards = (0..key::DUE_SHARDS).map(|shard| self.due_in(waiting, shard, until));
        let shards = try_join_all(shards).await?;
        let mut entries: Vec<Entry> = shards.into_iter().flatten().collect();
        entries.sort_by_key(|entry| entry.at);
        Ok(entries)
    }

    async fn due_in(
        &self,
        waiting: Waiting,
        shard: u32,
        until: Timestamp,
    ) -> Result<Vec<Entry>, Problem> {
        let mut entries = Vec::new();
        let mut start: Option<Item> = None;
        loop {
            let query = self.table.client.query().table_name(&self.table.name);
            let page = query
                .index_name(key::DUE_INDEX)
                .key_condition_expression("#due = :due AND #at < :until")
                .expression_attribute_names("#due", key::DUE_PK)
                .expression_attribute_names("#at", key::DUE_SK)
                .expression_attribute_values(":due", string(&key::due_shard(waiting, shard)))
                .expression_attribute_values(":until", string(&sortable(until)))
                .set_exclusive_start_key(start)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(problem)?;
            self.count(page.consumed_capacity());
            entries.extend(page.items().iter().filter_map(entry));
            start = page.last_evaluated_key;
            if start.is_none() || entries.len() >= MAX_ENTRIES {
                return Ok(entries);
            }
        }
    }
}

/// The attributes by which an item with these keys is found when it is due.
pub(super) fn attributes(
    waiting: Waiting,
    pk: &str,
    sk: &str,
    at: Timestamp,
) -> [(String, String); 2] {
    [
        (key::DUE_PK.to_owned(), key::due(waiting, pk, sk)),
        (key::DUE_SK.to_owned(), format!("{}#{pk}", sortable(at))),
    ]
}

/// The entry of an item, or of its keys in the index.
pub(super) fn entry(item: &Item) -> Option<Entry> {
    let due = text(item, key::DUE_SK)?;
    let (at, _) = due.split_once('#')?;
    Some(Entry {
        at: at.parse().ok()?,
        pk: text(item, key::PK)?,
        sk: text(item, key::SK)?,
    })
}

/// An instant with all nine digits of its fraction, so that texts sort as instants do.
pub(super) fn sortable(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%dT%H:%M:%S.%9fZ").to_string()
}
