//! Pages of long lists: as many items as are wanted, out of a bounded number that are read.

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use serde::Deserialize;

use crate::problem::Problem;
use crate::store::{Item, Store, key, malformed, problem, string, text};

/// The items after which a page ends, if few of them are wanted.
const MAX_READ: usize = 1_000;

/// The items that one call reads where only some are wanted.
pub(super) const MAX_READ_AT_ONCE: i32 = 100;

/// A part of a partition, in the order of the sort keys.
pub(super) struct Range<'a> {
    /// The partition.
    pub(super) pk: &'a str,
    /// Which of its items.
    pub(super) within: Within<'a>,
    /// Which of them come first.
    pub(super) order: Order,
    /// The sort key after which the page begins; `None` for the first page.
    pub(super) after: Option<String>,
}

/// A range of sort keys.
#[derive(Clone, Copy)]
pub(super) enum Within<'a> {
    /// All of them. DynamoDB refuses an empty prefix.
    All,
    /// Those that begin with a text.
    Prefix(&'a str),
    /// Those from one text to another.
    Bounds(&'a str, &'a str),
}

/// The order of a list whose sort keys sort by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Oldest first.
    OldestFirst,
    /// Newest first.
    NewestFirst,
}

/// A page of a list.
pub(super) struct Page<T> {
    /// Its items.
    pub(super) items: Vec<T>,
    /// The sort key after which the next page begins; `None` if this is the last one.
    pub(super) next: Option<String>,
}

impl Store {
    /// The next `limit` items that are wanted, read consistently. After [`MAX_READ`] items the page
    /// ends, even if it has fewer.
    pub(super) async fn list_page<T: for<'de> Deserialize<'de>>(
        &self,
        mut range: Range<'_>,
        limit: usize,
        wanted: impl Fn(&T) -> bool,
    ) -> Result<Page<T>, Problem> {
        let mut items = Vec::new();
        let mut read = 0;
        loop {
            let (found, is_last) = self.read_range(&range, Some(MAX_READ_AT_ONCE)).await?;
            let number = found.len();
            read += number;
            for (place, item) in found.into_iter().enumerate() {
                range.after = text(&item, key::SK);
                let item: T = serde_dynamo::from_item(item).map_err(malformed)?;
                if wanted(&item) {
                    items.push(item);
                }
                let is_end = is_last && place + 1 == number;
                if items.len() == limit && !is_end {
                    let next = range.after;
                    return Ok(Page { items, next });
                }
            }
            if is_last || read >= MAX_READ {
                let next = range.after.filter(|_| !is_last);
                return Ok(Page { items, next });
            }
        }
    }

    /// The next items of a range, as many as one call reads, and whether they are the last ones. Unless
    /// `limit` says how many that are, it is what fits 1 MB.
    pub(super) async fn read_range(
        &self,
        range: &Range<'_>,
        limit: Option<i32>,
    ) -> Result<(Vec<Item>, bool), Problem> {
        let start = range.after.as_ref().map(|after| {
            Item::from([
                (key::PK.to_owned(), string(range.pk)),
                (key::SK.to_owned(), string(after)),
            ])
        });
        let query = self.table.client.query().table_name(&self.table.name);
        let query = match range.within {
            Within::All => query.key_condition_expression("#pk = :pk"),
            Within::Prefix(prefix) => query
                .expression_attribute_names("#sk", key::SK)
                .key_condition_expression("#pk = :pk AND begins_with(#sk, :prefix)")
                .expression_attribute_values(":prefix", string(prefix)),
            Within::Bounds(from, to) => query
                .expression_attribute_names("#sk", key::SK)
                .key_condition_expression("#pk = :pk AND #sk BETWEEN :from AND :to")
                .expression_attribute_values(":from", string(from))
                .expression_attribute_values(":to", string(to)),
        };
        let page = query
            .expression_attribute_names("#pk", key::PK)
            .expression_attribute_values(":pk", string(range.pk))
            .scan_index_forward(range.order == Order::OldestFirst)
            .set_exclusive_start_key(start)
            .set_limit(limit)
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(problem)?;
        self.count(page.consumed_capacity());
        let is_last = page.last_evaluated_key.is_none();
        Ok((page.items.unwrap_or_default(), is_last))
    }
}
