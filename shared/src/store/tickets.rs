//! A team's tickets. Each is one item with its whole history; nothing that follows from the history is
//! stored as truth. What is stored beside it only serves the index.

mod encoding;
mod facts;
pub mod recalculation;
pub mod report;

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnConsumedCapacity};
use futures_util::future::try_join_all;
use jiff::Timestamp;

use crate::domain::clock::State;
use crate::domain::digest::Digest;
use crate::domain::id::{CalendarId, TicketId};
use crate::domain::plan::CalendarVersion;
use crate::domain::ticket::Ticket;
use crate::domain::version::Version;
use crate::list_query::tickets::Cursor;
use crate::problem::{Problem, Resource, TeamProblem};
use crate::store::cycles;
use crate::store::due::{self, sortable};
use crate::store::key::{QueueSide, Waiting};
use crate::store::summaries::change_item;
use crate::store::team::{ReadWrite, TeamStore};
use crate::store::transaction::{VERSION, WRITE_ID};
use crate::store::{Item, key, number, problem, string, text};

use encoding::{Calendars, Undecoded};
use report::{FirstAttempt, Put};

/// The attribute with the encoded ticket.
const HISTORY: &str = "history";
/// The attribute with a digest of the body that created the ticket.
const FINGERPRINT: &str = "fingerprint";
/// The attribute with the ticket's id.
const ID: &str = "id";
/// The attribute with the instant of the next mark.
const NEXT_MARK_AT: &str = "nextMarkAt";

/// An instant after all others, for open tickets that nothing is due for.
const NEVER: Timestamp = Timestamp::MAX;

/// The tickets after which a page ends, if few of them are wanted: reading costs the team's capacity,
/// whether they are wanted or not.
pub const MAX_READ: usize = 200;

/// The tickets of one team and mode.
#[derive(Clone, Debug)]
pub struct Tickets<Rights> {
    team: TeamStore<Rights>,
}

/// A page of a list of tickets.
#[derive(Debug)]
pub struct TicketPage {
    /// The tickets, in the order of the list.
    pub tickets: Vec<Ticket>,
    /// Where the next page starts; `None` if this is the last one.
    pub next: Option<Cursor>,
}

impl<Rights> Tickets<Rights> {
    pub(super) fn new(team: TeamStore<Rights>) -> Tickets<Rights> {
        Tickets { team }
    }

    /// The ticket with this id, as the client gave it.
    pub async fn find(&self, id: &str) -> Result<Ticket, Problem> {
        let unknown = || Problem::NotFound {
            resource: Resource::Ticket,
            id: id.to_owned(),
        };
        let id = TicketId::parse(id).ok_or_else(unknown)?;
        let (pk, sk) = key::ticket(&self.team.pk, &id);
        let item = self.team.store.get(&pk, &sk).await?.ok_or_else(unknown)?;
        self.read(item).await
    }

    /// At most `limit` tickets from a place in the list, of those that are wanted: open ones by what
    /// falls due next, soonest first, then closed ones newest first, if those are wanted, too. The
    /// list may lag behind writes by a moment.
    ///
    /// After [`MAX_READ`] tickets the page ends, even if it has fewer than `limit`.
    pub async fn list(
        &self,
        start: Cursor,
        limit: usize,
        also_closed: bool,
        wanted: impl Fn(&Ticket) -> bool,
    ) -> Result<TicketPage, Problem> {
        let mut tickets = Vec::new();
        let mut next = Some(start);
        let mut read = 0;
        while let Some(from) = next.take() {
            let (sort_keys, is_last) = self.sort_keys(&from, limit).await?;
            let ids: Vec<TicketId> = sort_keys.iter().filter_map(|sk| ticket_id(sk)).collect();
            let mut by_id = self.read_all(&ids).await?;
            read += ids.len();
            let mut after = None;
            for sort_key in &sort_keys {
                let ticket = ticket_id(sort_key).and_then(|id| by_id.remove(&id));
                tickets.extend(ticket.filter(&wanted));
                if tickets.len() == limit {
                    after = Some(sort_key.clone());
                    break;
                }
            }
            let is_whole = after.is_none() || after.as_ref() == sort_keys.last();
            next = match after.or_else(|| sort_keys.last().cloned()) {
                Some(after) if !(is_whole && is_last) => Some(from.moved(after)),
                _ if from.is_open() && also_closed => Some(Cursor::closed()),
                _ => None,
            };
            if tickets.len() >= limit || read >= MAX_READ {
                break;
            }
        }
        Ok(TicketPage { tickets, next })
    }

    /// The sort keys of at most `limit` tickets from a place in the list, and whether these are the
    /// last ones.
    async fn sort_keys(&self, from: &Cursor, limit: usize) -> Result<(Vec<String>, bool), Problem> {
        let store = &self.team.store;
        let queue = key::queue(&self.team.pk, side_of(from));
        let start = match from.after() {
            None => None,
            Some(after) => Some(self.index_key(&queue, after)?),
        };
        let page = store
            .table
            .client
            .query()
            .table_name(&store.table.name)
            .index_name(key::QUEUE_INDEX)
            .key_condition_expression("#pk = :pk")
            .expression_attribute_names("#pk", key::QUEUE_PK)
            .expression_attribute_values(":pk", string(&queue))
            .scan_index_forward(from.is_open())
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(problem)?;
        store.count(page.consumed_capacity());
        let is_last = page.last_evaluated_key.is_none();
        let items = page.items.unwrap_or_default();
        let sort_keys = items.iter().filter_map(|item| text(item, key::QUEUE_SK));
        Ok((sort_keys.collect(), is_last))
    }

    /// The tickets with these ids, at most a hundred; without those that have been deleted meanwhile.
    /// They may lag behind writes by a moment, as the index does, at half the price.
    async fn read_all(&self, ids: &[TicketId]) -> Result<HashMap<TicketId, Ticket>, Problem> {
        let store = &self.team.store;
        let mut wanted: Vec<Item> = ids.iter().map(|id| self.key_of(id)).collect();
        let mut items = Vec::new();
        while !wanted.is_empty() {
            let keys = KeysAndAttributes::builder()
                .set_keys(Some(wanted))
                .build()
                .map_err(|error| Problem::Internal(Box::new(error)))?;
            let read = store
                .table
                .client
                .batch_get_item()
                .request_items(&store.table.name, keys)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(problem)?;
            store.count(read.consumed_capacity().first());
            let mut responses = read.responses.unwrap_or_default();
            items.extend(responses.remove(&store.table.name).unwrap_or_default());
            let mut unprocessed = read.unprocessed_keys.unwrap_or_default();
            let left = unprocessed.remove(&store.table.name);
            wanted = left.map(|left| left.keys).unwrap_or_default();
        }
        let undecoded = items.iter().map(undecoded).collect::<Result<Vec<_>, _>>()?;
        let calendars = self.calendars(&undecoded).await?;
        let tickets = undecoded
            .into_iter()
            .map(|ticket| ticket.decode(&calendars))
            .collect::<Result<Vec<_>, _>>()?;
        let by_id = tickets
            .into_iter()
            .map(|ticket| (ticket.id.clone(), ticket));
        Ok(by_id.collect())
    }

    async fn read(&self, item: Item) -> Result<Ticket, Problem> {
        let undecoded = [undecoded(&item)?];
        let calendars = self.calendars(&undecoded).await?;
        let [undecoded] = undecoded;
        undecoded.decode(&calendars)
    }

    async fn calendars(&self, tickets: &[Undecoded]) -> Result<Calendars, Problem> {
        let needed: BTreeSet<(CalendarId, Version)> =
            tickets.iter().flat_map(Undecoded::calendars).collect();
        let reads = needed.into_iter().map(async |(id, version)| {
            let (store, pk) = (&self.team.store, &self.team.pk);
            let calendar = store.parsed_calendar(pk, &id, version).await?;
            Ok::<_, Problem>((CalendarVersion { id, version }, calendar))
        });
        Ok(try_join_all(reads).await?.into_iter().collect())
    }

    fn key_of(&self, id: &TicketId) -> Item {
        let (pk, sk) = key::ticket(&self.team.pk, id);
        Item::from([
            (key::PK.to_owned(), string(&pk)),
            (key::SK.to_owned(), string(&sk)),
        ])
    }

    fn index_key(&self, queue: &str, sort_key: &str) -> Result<Item, Problem> {
        let id = ticket_id(sort_key).ok_or_else(Cursor::invalid)?;
        let mut item = self.key_of(&id);
        item.insert(key::QUEUE_PK.to_owned(), string(queue));
        item.insert(key::QUEUE_SK.to_owned(), string(sort_key));
        Ok(item)
    }
}

impl Tickets<ReadWrite> {
    /// Adds a ticket and reports its marks, unless there is one with its id: that one, if it was
    /// created with an equal body.
    pub async fn insert(&self, ticket: &Ticket, now: Timestamp) -> Result<Option<Ticket>, Problem> {
        let put = self.put(ticket, None, now, FirstAttempt::Elsewhere).await?;
        let existing = match put {
            Put::Done(_) => return Ok(None),
            Put::Other(existing) => self.read(existing).await?,
        };
        if existing.fingerprint == ticket.fingerprint {
            Ok(Some(existing))
        } else {
            Err(Problem::Team(TeamProblem::TicketExists))
        }
    }

    /// Replaces `current` and reports marks. [`Problem::WriteConflict`] if the stored ticket has
    /// another version.
    pub async fn update(
        &self,
        ticket: &Ticket,
        current: &Ticket,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let over = Some(current.version);
        match self.put(ticket, over, now, FirstAttempt::Elsewhere).await? {
            Put::Done(_) => Ok(()),
            Put::Other(_) => Err(Problem::WriteConflict),
        }
    }

    /// Deletes a ticket, its notices and its facts. [`Problem::WriteConflict`] if the stored ticket has
    /// another version.
    ///
    /// Deliveries contain nothing about a ticket. Those whose notice is gone end at their next attempt.
    pub async fn delete(&self, ticket: &Ticket, now: Timestamp) -> Result<(), Problem> {
        let (pk, sk) = key::ticket(&self.team.pk, &ticket.id);
        let notices = key::notices(&self.team.pk);
        let reported = ticket.reported.iter();
        let reported = reported.map(|reported| (notices.clone(), reported.id.to_string()));
        let counted = ticket.counted.iter();
        let counted = counted.map(|counted| cycles::keys(&self.team.pk, &ticket.id, counted.day));
        let mut transaction = self.team.store.transaction();
        for (pk, sk) in reported.chain(counted) {
            if transaction.is_full(2) {
                transaction.commit().await?;
                transaction = self.team.store.transaction();
            }
            transaction.delete_any(&pk, &sk)?;
        }
        transaction.delete(&pk, &sk, ticket.version)?;
        let sums = facts::removal(ticket);
        if !sums.is_empty() {
            let write_id = transaction.write_id().to_owned();
            transaction.put_any(change_item(&self.team.pk, &sums, now, &write_id)?)?;
        }
        transaction.commit().await
    }

    /// The ticket's item. It is due at its next mark, or at the first of the past ones that are still
    /// `unreported`.
    fn item(
        &self,
        ticket: &Ticket,
        write_id: &str,
        now: Timestamp,
        unreported: Option<Timestamp>,
    ) -> Result<Item, Problem> {
        let clock = ticket.at(now);
        let (side, instant) = match clock.state() {
            State::Open | State::Paused => (QueueSide::Open, clock.next_due(now).unwrap_or(NEVER)),
            State::Resolved | State::Cancelled => (QueueSide::Closed, clock.closed_at(now)),
        };
        let mut item = self.key_of(&ticket.id);
        let version = AttributeValue::N(ticket.version.to_string());
        let history = AttributeValue::B(Blob::new(encoding::encode(ticket)?));
        for (name, value) in [
            (ID, string(ticket.id.as_str())),
            (VERSION, version),
            (HISTORY, history),
            (FINGERPRINT, string(ticket.fingerprint.as_str())),
            (WRITE_ID, string(write_id)),
            (key::QUEUE_PK, string(&key::queue(&self.team.pk, side))),
            (key::QUEUE_SK, string(&sort_key(instant, &ticket.id))),
        ] {
            item.insert(name.to_owned(), value);
        }
        if let Some(mark) = unreported.or_else(|| ticket.next_mark(&clock, now)) {
            let (pk, sk) = key::ticket(&self.team.pk, &ticket.id);
            let due = due::attributes(Waiting::Ticket, &pk, &sk, mark);
            item.extend(due.map(|(name, value)| (name, string(&value))));
            item.insert(NEXT_MARK_AT.to_owned(), string(&sortable(mark)));
        }
        Ok(item)
    }
}

fn undecoded(item: &Item) -> Result<Undecoded, Problem> {
    let id = text(item, ID).and_then(|id| TicketId::parse(&id));
    let version = number(item, VERSION).map(Version::stored);
    let history = item.get(HISTORY).and_then(|history| history.as_b().ok());
    let ((id, version), history) = id.zip(version).zip(history).ok_or_else(corrupt)?;
    let fingerprint = text(item, FINGERPRINT).and_then(|hex| Digest::parse(&hex));
    let fingerprint = fingerprint.ok_or_else(corrupt)?;
    Undecoded::read(id, version, fingerprint, history.as_ref())
}

fn side_of(cursor: &Cursor) -> QueueSide {
    if cursor.is_open() {
        QueueSide::Open
    } else {
        QueueSide::Closed
    }
}

fn sort_key(instant: Timestamp, id: &TicketId) -> String {
    format!("{}#{id}", sortable(instant))
}

/// The id of the ticket at a place of the index.
fn ticket_id(sort_key: &str) -> Option<TicketId> {
    let (_, id) = sort_key.split_once('#')?;
    TicketId::parse(id)
}

fn corrupt() -> Problem {
    Problem::Internal("a stored ticket is corrupt".into())
}
