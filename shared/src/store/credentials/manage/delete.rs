//! Deletion of a team with everything it owns.
//!
//! A deletion may be interrupted anywhere and run again. What leads to something else is deleted after
//! it: a credential before the pointer to it, and the team's row in the list of all teams at the end.

use std::time::Duration;

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{
    DeleteRequest, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure, WriteRequest,
};

use super::{MAX_ATTEMPTS, PointerItem, Team};
use crate::domain::digest::Digest;
use crate::domain::id::TeamId;
use crate::domain::principal::Mode;
use crate::problem::Problem;
use crate::store::credentials::manage::teams::{TeamItem, copies};
use crate::store::transaction::jittered;
use crate::store::{Item, Store, key, malformed, problem, string, text};

/// The most keys that are in memory at once.
const MAX_PAGE: i32 = 250;
/// The most items that DynamoDB deletes in one call.
const MAX_BATCH: usize = 25;
/// How often the rest of a batch is attempted that the table was too busy for. With the pauses below
/// this takes up to about 15 seconds.
const MAX_BATCH_ATTEMPTS: u32 = 12;
/// The longest pause before the second attempt. It doubles with every attempt, up to [`MAX_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause of all.
const MAX_PAUSE: Duration = Duration::from_secs(2);
/// How often the index is read until it has no tickets. It follows the table within a second as a
/// rule, and the pauses between add up to more.
const MAX_PASSES: u32 = 12;

const MODES: [Mode; 2] = [Mode::Live, Mode::Test];

/// What a team owns, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Belongings {
    /// Keys, with their credentials.
    pub keys: u64,
    /// Users, with the credentials of all their tokens.
    pub users: u64,
    /// Tickets.
    pub tickets: u64,
    /// Rules.
    pub rules: u64,
    /// Policies.
    pub policies: u64,
    /// Calendars.
    pub calendars: u64,
    /// Versions of calendars, also of deleted ones.
    pub schedules: u64,
    /// Webhooks.
    pub webhooks: u64,
    /// Notices.
    pub notices: u64,
    /// Deliveries of notices.
    pub deliveries: u64,
    /// Facts of tickets, by ticket and day.
    pub cycles: u64,
    /// Changes that are in no summary yet.
    pub changes: u64,
    /// Summaries of days.
    pub summaries: u64,
    /// Counts, claims to names, and settings.
    pub others: u64,
}

/// Learns what has been deleted so far.
pub type Progress<'a> = &'a mut (dyn FnMut(&Belongings) + Send);

/// The keys of some items, and where the next ones begin.
struct Page {
    keys: Vec<(String, String)>,
    next: Option<Item>,
}

impl Belongings {
    /// The number of everything.
    pub fn total(&self) -> u64 {
        self.named().into_iter().map(|(_, number)| number).sum()
    }

    /// Each number with its name.
    pub fn named(&self) -> [(&'static str, u64); 14] {
        [
            ("keys", self.keys),
            ("users", self.users),
            ("tickets", self.tickets),
            ("rules", self.rules),
            ("policies", self.policies),
            ("calendars", self.calendars),
            ("schedules", self.schedules),
            ("webhooks", self.webhooks),
            ("notices", self.notices),
            ("deliveries", self.deliveries),
            ("cycles", self.cycles),
            ("changes", self.changes),
            ("summaries", self.summaries),
            ("others", self.others),
        ]
    }

    /// The numbers of what tickets lead to, in the order of [`key::partitions_of_tickets`].
    fn of_tickets(&mut self) -> [&mut u64; 5] {
        [
            &mut self.notices,
            &mut self.deliveries,
            &mut self.cycles,
            &mut self.changes,
            &mut self.summaries,
        ]
    }

    fn add(&mut self, sk: &str) {
        let number = if sk.starts_with(key::KEY_POINTERS) {
            &mut self.keys
        } else if sk.starts_with(key::USER_POINTERS) {
            &mut self.users
        } else if sk.starts_with(key::RULES) {
            &mut self.rules
        } else if sk.starts_with(key::POLICIES) {
            &mut self.policies
        } else if sk.starts_with(key::CALENDARS) {
            &mut self.calendars
        } else if sk.starts_with(key::SCHEDULES) {
            &mut self.schedules
        } else if sk.starts_with(key::WEBHOOKS) {
            &mut self.webhooks
        } else {
            &mut self.others
        };
        *number += 1;
    }
}

impl Store {
    /// The team with this id, as the list of all teams has it; `None` if it does not. A team whose
    /// deletion was interrupted is still found.
    pub async fn find_listed_team(&self, id: &TeamId) -> Result<Option<Team>, Problem> {
        let item = self.get(key::TEAMS, id.as_str()).await?;
        let item: Option<TeamItem> = item
            .map(serde_dynamo::from_item)
            .transpose()
            .map_err(malformed)?;
        Ok(item.map(|item| item.team))
    }

    /// Counts what a team owns.
    pub async fn belongings(&self, team: &TeamId) -> Result<Belongings, Problem> {
        let mut found = Belongings::default();
        for mode in MODES {
            let mut start = None;
            loop {
                let page = self
                    .partition_page(&key::team(team, mode), "", start)
                    .await?;
                let keys = page.keys.iter().filter(|(_, sk)| sk != key::TEAM);
                keys.for_each(|(_, sk)| found.add(sk));
                start = page.next;
                if start.is_none() {
                    break;
                }
            }
            for queue in key::queues(team, mode) {
                let mut start = None;
                loop {
                    let page = self.queue_page(&queue, start).await?;
                    found.tickets += count(&page);
                    start = page.next;
                    if start.is_none() {
                        break;
                    }
                }
            }
            let partitions = key::partitions_of_tickets(team, mode);
            for (partition, number) in partitions.iter().zip(found.of_tickets()) {
                *number += self.count_partition(partition).await?;
            }
        }
        Ok(found)
    }

    async fn count_partition(&self, partition: &str) -> Result<u64, Problem> {
        let mut found = 0;
        let mut start = None;
        loop {
            let page = self.partition_page(partition, "", start).await?;
            found += count(&page);
            start = page.next;
            if start.is_none() {
                return Ok(found);
            }
        }
    }

    /// Deletes the credentials of a team, and the pointers to them. No request is admitted after
    /// that, but those that were admitted before may still write.
    pub async fn delete_credentials(
        &self,
        team: &TeamId,
        deleted: &mut Belongings,
        progress: Progress<'_>,
    ) -> Result<(), Problem> {
        for mode in MODES {
            for prefix in [key::KEY_POINTERS, key::USER_POINTERS] {
                self.delete_partition(team, mode, prefix, deleted, &mut *progress)
                    .await?;
            }
        }
        Ok(())
    }

    /// Deletes everything that a team owns, and then the team.
    pub async fn delete_team(
        &self,
        team: &TeamId,
        deleted: &mut Belongings,
        progress: Progress<'_>,
    ) -> Result<(), Problem> {
        for mode in MODES {
            for queue in key::queues(team, mode) {
                self.delete_tickets(&queue, deleted, &mut *progress).await?;
            }
            // They are written with a ticket, or only where there is something of tickets.
            let partitions = key::partitions_of_tickets(team, mode);
            for (partition, number) in partitions.iter().zip(deleted.of_tickets()) {
                *number += self.delete_all(partition).await?;
            }
            progress(deleted);
        }
        for mode in MODES {
            self.delete_partition(team, mode, "", deleted, &mut *progress)
                .await?;
        }
        let [live, test, listed] = copies(team);
        self.delete_batches(&[live, test]).await?;
        // Another operator who still found the team may have created a credential meanwhile.
        for mode in MODES {
            self.delete_partition(team, mode, "", deleted, &mut *progress)
                .await?;
        }
        self.delete_batches(&[listed]).await
    }

    /// Deletes a credential, if there is one.
    pub(super) async fn delete_credential(&self, digest: &Digest) -> Result<(), Problem> {
        let (pk, sk) = key::credential(digest.as_str());
        let delete = self.table.client.delete_item().table_name(&self.table.name);
        let delete = delete
            .key(key::PK, string(&pk))
            .key(key::SK, string(&sk))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let done = delete.send().await.map_err(problem)?;
        self.count(done.consumed_capacity());
        Ok(())
    }

    /// Deletes the credentials that a pointer leads to, and then the pointer.
    pub(super) async fn delete_pointer(&self, pk: &str, sk: &str) -> Result<(), Problem> {
        for _ in 0..MAX_ATTEMPTS {
            let Some(pointer) = self.find_pointer(pk, sk).await? else {
                return Ok(());
            };
            for digest in pointer.digests() {
                self.delete_credential(digest).await?;
            }
            if self.delete_unchanged(&pointer).await? {
                return Ok(());
            }
        }
        Err(Problem::Unavailable(
            "the user's token is rotated again and again".into(),
        ))
    }

    /// Deletes a pointer; `false` if it leads to another credential meanwhile.
    async fn delete_unchanged(&self, pointer: &PointerItem) -> Result<bool, Problem> {
        let delete = self.table.client.delete_item().table_name(&self.table.name);
        let delete = delete
            .key(key::PK, string(&pointer.pk))
            .key(key::SK, string(&pointer.sk))
            .condition_expression("attribute_not_exists(#pk) OR #digest = :digest")
            .expression_attribute_names("#pk", key::PK)
            .expression_attribute_names("#digest", "digest")
            .expression_attribute_values(":digest", string(pointer.digest.as_str()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::None)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match delete.send().await {
            Ok(done) => {
                self.count(done.consumed_capacity());
                Ok(true)
            }
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(problem(error)),
            },
        }
    }

    /// Deletes the items of a partition whose sort keys have this prefix, except the team itself.
    async fn delete_partition(
        &self,
        team: &TeamId,
        mode: Mode,
        prefix: &str,
        deleted: &mut Belongings,
        progress: Progress<'_>,
    ) -> Result<(), Problem> {
        let mut start = None;
        loop {
            let partition = key::team(team, mode);
            let page = self.partition_page(&partition, prefix, start).await?;
            let keys = page.keys.into_iter().filter(|(_, sk)| sk != key::TEAM);
            let (pointers, others): (Vec<_>, Vec<_>) = keys.partition(|(_, sk)| is_pointer(sk));
            for (pk, sk) in &pointers {
                self.delete_pointer(pk, sk).await?;
                deleted.add(sk);
            }
            self.delete_batches(&others).await?;
            others.iter().for_each(|(_, sk)| deleted.add(sk));
            progress(deleted);
            start = page.next;
            if start.is_none() {
                return Ok(());
            }
        }
    }

    /// Deletes all items of a partition, and counts them.
    async fn delete_all(&self, partition: &str) -> Result<u64, Problem> {
        let mut found = 0;
        let mut start = None;
        loop {
            let page = self.partition_page(partition, "", start).await?;
            self.delete_batches(&page.keys).await?;
            found += count(&page);
            start = page.next;
            if start.is_none() {
                return Ok(found);
            }
        }
    }

    /// Deletes the tickets of a partition of the index, which is consistent only after a while: it
    /// still has tickets that are deleted, and may not have new ones yet.
    async fn delete_tickets(
        &self,
        queue: &str,
        deleted: &mut Belongings,
        progress: Progress<'_>,
    ) -> Result<(), Problem> {
        let mut pause = FIRST_PAUSE;
        for pass in 0..MAX_PASSES {
            let mut found = 0;
            let mut start = None;
            loop {
                let page = self.queue_page(queue, start).await?;
                self.delete_batches(&page.keys).await?;
                found += count(&page);
                // What a later pass finds has nearly always been counted.
                if pass == 0 {
                    deleted.tickets += count(&page);
                    progress(deleted);
                }
                start = page.next;
                if start.is_none() {
                    break;
                }
            }
            if found == 0 {
                return Ok(());
            }
            if pass > 0 {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(MAX_PAUSE);
            }
        }
        Err(Problem::Unavailable(
            "the index of tickets does not follow the table".into(),
        ))
    }

    /// Deletes items, if they exist.
    async fn delete_batches(&self, keys: &[(String, String)]) -> Result<(), Problem> {
        for batch in keys.chunks(MAX_BATCH) {
            let requests = batch.iter().map(|(pk, sk)| {
                let delete = DeleteRequest::builder()
                    .key(key::PK, string(pk))
                    .key(key::SK, string(sk))
                    .build();
                let delete = delete.map_err(|error| Problem::Internal(Box::new(error)))?;
                Ok(WriteRequest::builder().delete_request(delete).build())
            });
            let requests = requests.collect::<Result<Vec<_>, Problem>>()?;
            self.delete_batch(requests).await?;
        }
        Ok(())
    }

    async fn delete_batch(&self, mut requests: Vec<WriteRequest>) -> Result<(), Problem> {
        let mut pause = FIRST_PAUSE;
        for _ in 0..MAX_BATCH_ATTEMPTS {
            let write = self.table.client.batch_write_item();
            let done = write
                .request_items(&self.table.name, requests)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(problem)?;
            self.count(done.consumed_capacity().first());
            let left = done.unprocessed_items.unwrap_or_default();
            requests = left.into_values().flatten().collect();
            if requests.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(jittered(pause)).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
        Err(Problem::Unavailable("the table is too busy".into()))
    }

    /// The next keys of a partition, read consistently.
    async fn partition_page(
        &self,
        partition: &str,
        prefix: &str,
        start: Option<Item>,
    ) -> Result<Page, Problem> {
        let query = self.table.client.query().consistent_read(true);
        let query = query.expression_attribute_values(":pk", string(partition));
        let query = if prefix.is_empty() {
            query.key_condition_expression("#pk = :pk")
        } else {
            query
                .key_condition_expression("#pk = :pk AND begins_with(#sk, :prefix)")
                .expression_attribute_values(":prefix", string(prefix))
        };
        self.page(query, start).await
    }

    /// The keys of the next tickets in a partition of the index.
    async fn queue_page(&self, queue: &str, start: Option<Item>) -> Result<Page, Problem> {
        let query = self.table.client.query().index_name(key::QUEUE_INDEX);
        let query = query
            .key_condition_expression("#queue = :queue")
            .expression_attribute_names("#queue", key::QUEUE_PK)
            .expression_attribute_values(":queue", string(queue));
        self.page(query, start).await
    }

    async fn page(&self, query: QueryFluentBuilder, start: Option<Item>) -> Result<Page, Problem> {
        let page = query
            .table_name(&self.table.name)
            .projection_expression("#pk, #sk")
            .expression_attribute_names("#pk", key::PK)
            .expression_attribute_names("#sk", key::SK)
            .set_exclusive_start_key(start)
            .limit(MAX_PAGE)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(problem)?;
        self.count(page.consumed_capacity());
        let keys = page.items().iter();
        let keys = keys.filter_map(|item| Some((text(item, key::PK)?, text(item, key::SK)?)));
        Ok(Page {
            keys: keys.collect(),
            next: page.last_evaluated_key,
        })
    }
}

fn is_pointer(sk: &str) -> bool {
    sk.starts_with(key::KEY_POINTERS) || sk.starts_with(key::USER_POINTERS)
}

fn count(page: &Page) -> u64 {
    page.keys.len() as u64
}
