//! What a team's reports are added up from: a summary of each day, and the changes that are not in a
//! summary yet.
//!
//! A write of a ticket adds a change, in its own transaction. A scheduled function moves changes into
//! the summaries, the oldest first: one transaction changes the summaries of their days and deletes
//! them. So every change is counted exactly once, whenever it is moved, and a report that reads both
//! is right at any time.

mod encoding;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use crate::domain::id::TeamId;
use crate::domain::principal::Mode;
use crate::domain::report::Span;
use crate::domain::report::summary::{Day, DayChange, DaySummary};
use crate::domain::version::Version;
use crate::problem::Problem;
use crate::store::due::sortable;
use crate::store::page::{MAX_READ_AT_ONCE, Order, Range, Within};
use crate::store::team::{ReadWrite, TeamStore};
use crate::store::transaction::{MAX_ITEMS, VERSION, WRITE_ID};
use crate::store::{Item, Store, key, number, string, text};

/// The attribute with the encoded summary.
const SUMMARY: &str = "summary";
/// The attribute with the encoded changes.
const CHANGE: &str = "change";

/// How often a report is read anew because changes were moved meanwhile. That takes milliseconds every
/// few minutes.
const MAX_ATTEMPTS: u32 = 5;

/// The sums of one team and mode.
#[derive(Clone, Debug)]
pub struct Summaries<Rights> {
    team: TeamStore<Rights>,
}

/// The changes of one write, as stored.
struct StoredChange {
    sk: String,
    days: Vec<DayChange>,
}

/// A summary, as stored.
#[derive(Default)]
struct StoredSummary {
    version: Option<Version>,
    summary: DaySummary,
}

impl<Rights> Summaries<Rights> {
    pub(super) fn new(team: TeamStore<Rights>) -> Summaries<Rights> {
        Summaries { team }
    }

    /// The summaries of the days that a span has a part of, as of now.
    pub async fn of(&self, span: &Span) -> Result<BTreeMap<Day, DaySummary>, Problem> {
        for _ in 0..MAX_ATTEMPTS {
            // In this order, what is moved between the two is seen twice, and not overlooked.
            let changes = self.changes().await?;
            let (first, last) = span.days();
            let mut days = self.summaries(first, last).await?;
            if !self.is_unmoved(changes.first()).await? {
                continue;
            }
            for change in changes.iter().flat_map(|change| &change.days) {
                if (first..=last).contains(&change.day) {
                    days.entry(change.day).or_default().apply(change);
                }
            }
            return Ok(days);
        }
        Err(Problem::Unavailable(
            "at every attempt of a report, changes were moved".into(),
        ))
    }

    /// The changes that are in no summary yet, oldest first.
    async fn changes(&self) -> Result<Vec<StoredChange>, Problem> {
        let pk = key::changes(&self.team.pk);
        let mut changes = Vec::new();
        let mut after = None;
        loop {
            let range = range_of_changes(&pk, after);
            let (items, is_last) = self.team.store.read_range(&range, None).await?;
            for item in &items {
                changes.push(StoredChange::read(item)?);
            }
            if is_last {
                return Ok(changes);
            }
            after = items.last().and_then(|item| text(item, key::SK));
        }
    }

    /// Whether the oldest of the changes that were read is still in no summary. They are moved oldest
    /// first, so then none of them is.
    async fn is_unmoved(&self, oldest: Option<&StoredChange>) -> Result<bool, Problem> {
        let Some(oldest) = oldest else {
            return Ok(true);
        };
        let pk = key::changes(&self.team.pk);
        Ok(self.team.store.get(&pk, &oldest.sk).await?.is_some())
    }

    async fn summaries(&self, first: Day, last: Day) -> Result<BTreeMap<Day, DaySummary>, Problem> {
        let pk = key::summaries(&self.team.pk);
        let (from, to) = (key::summary(first), key::summary(last));
        let mut summaries = BTreeMap::new();
        let mut after = None;
        loop {
            let range = Range {
                pk: &pk,
                within: Within::Bounds(&from, &to),
                order: Order::OldestFirst,
                after,
            };
            let (items, is_last) = self.team.store.read_range(&range, None).await?;
            for item in &items {
                let day = text(item, key::SK).and_then(|sk| key::day_of_summary(&sk));
                let stored = StoredSummary::read(item)?;
                summaries.insert(day.ok_or_else(corrupt)?, stored.summary);
            }
            if is_last {
                return Ok(summaries);
            }
            after = items.last().and_then(|item| text(item, key::SK));
        }
    }
}

impl Summaries<ReadWrite> {
    /// Moves the oldest changes into the summaries of their days, as many as fit a transaction. Their
    /// number, and whether there may be more; nothing if another process has moved some of them.
    async fn move_oldest(&self) -> Result<(usize, bool), Problem> {
        let pk = key::changes(&self.team.pk);
        let range = range_of_changes(&pk, None);
        let limit = Some(MAX_READ_AT_ONCE);
        let (items, is_last) = self.team.store.read_range(&range, limit).await?;
        let mut moved = Vec::new();
        let mut days = BTreeSet::new();
        for item in &items {
            let change = StoredChange::read(item)?;
            let mut with_it = days.clone();
            with_it.extend(change.days.iter().map(|change| change.day));
            if !moved.is_empty() && moved.len() + 1 + with_it.len() > MAX_ITEMS {
                break;
            }
            days = with_it;
            moved.push(change);
        }
        if moved.is_empty() {
            return Ok((0, false));
        }
        let mut summaries = BTreeMap::new();
        for day in days {
            summaries.insert(day, self.stored_summary(day).await?);
        }
        for change in moved.iter().flat_map(|change| &change.days) {
            let stored = summaries.entry(change.day).or_default();
            stored.summary.apply(change);
        }
        let has_more = !is_last || moved.len() < items.len();
        let is_written = self.write(&summaries, &moved).await?;
        Ok((if is_written { moved.len() } else { 0 }, has_more))
    }

    async fn write(
        &self,
        summaries: &BTreeMap<Day, StoredSummary>,
        moved: &[StoredChange],
    ) -> Result<bool, Problem> {
        let mut transaction = self.team.store.transaction();
        let pk = key::summaries(&self.team.pk);
        for (day, stored) in summaries {
            let next = stored.version.map_or_else(Version::default, Version::next);
            let summary = encoding::encode(&stored.summary)?;
            let item = Item::from([
                (key::PK.to_owned(), string(&pk)),
                (key::SK.to_owned(), string(&key::summary(*day))),
                (SUMMARY.to_owned(), AttributeValue::B(Blob::new(summary))),
                (VERSION.to_owned(), AttributeValue::N(next.to_string())),
                (WRITE_ID.to_owned(), string(transaction.write_id())),
            ]);
            transaction.put_over(item, stored.version, || Problem::WriteConflict)?;
        }
        let pk = key::changes(&self.team.pk);
        for change in moved {
            transaction.delete(&pk, &change.sk, Version::default())?;
        }
        transaction.commit_if_allowed().await
    }

    async fn stored_summary(&self, day: Day) -> Result<StoredSummary, Problem> {
        let pk = key::summaries(&self.team.pk);
        match self.team.store.get(&pk, &key::summary(day)).await? {
            None => Ok(StoredSummary::default()),
            Some(item) => StoredSummary::read(&item),
        }
    }
}

impl Store {
    /// Moves all changes of a team into the summaries of their days, and returns their number. Another
    /// process may do the same.
    pub async fn sum_up(&self, team: &TeamId) -> Result<u64, Problem> {
        let mut total = 0;
        for mode in [Mode::Live, Mode::Test] {
            let pk = key::team(team, mode);
            let summaries = TeamStore::<ReadWrite>::new(self.clone(), pk).summaries();
            loop {
                let (moved, has_more) = summaries.move_oldest().await?;
                total += moved as u64;
                if moved == 0 || !has_more {
                    break;
                }
            }
        }
        Ok(total)
    }
}

/// The item of the changes of a write.
pub(super) fn change_item(
    team_pk: &str,
    changes: &[DayChange],
    now: Timestamp,
    write_id: &str,
) -> Result<Item, Problem> {
    let change = encoding::encode_changes(changes)?;
    let version = AttributeValue::N(Version::default().to_string());
    Ok(Item::from([
        (key::PK.to_owned(), string(&key::changes(team_pk))),
        (
            key::SK.to_owned(),
            string(&key::change(&sortable(now), write_id)),
        ),
        (CHANGE.to_owned(), AttributeValue::B(Blob::new(change))),
        (VERSION.to_owned(), version),
        (WRITE_ID.to_owned(), string(write_id)),
    ]))
}

/// All changes of a partition after a sort key.
fn range_of_changes(pk: &str, after: Option<String>) -> Range<'_> {
    Range {
        pk,
        within: Within::All,
        order: Order::OldestFirst,
        after,
    }
}

impl StoredChange {
    fn read(item: &Item) -> Result<StoredChange, Problem> {
        let sk = text(item, key::SK).ok_or_else(corrupt)?;
        let change = item.get(CHANGE).and_then(|change| change.as_b().ok());
        let days = encoding::decode_changes(change.ok_or_else(corrupt)?.as_ref())?;
        Ok(StoredChange { sk, days })
    }
}

impl StoredSummary {
    fn read(item: &Item) -> Result<StoredSummary, Problem> {
        let version = number(item, VERSION).map(Version::stored);
        let summary = item.get(SUMMARY).and_then(|summary| summary.as_b().ok());
        Ok(StoredSummary {
            version: Some(version.ok_or_else(corrupt)?),
            summary: encoding::decode(summary.ok_or_else(corrupt)?.as_ref())?,
        })
    }
}

fn corrupt() -> Problem {
    Problem::Internal("a stored summary is corrupt".into())
}
