//! The facts behind a team's reports: one item for each ticket and day, with the cycles of the ticket
//! that are counted on that day. It is written in the transaction that changes the ticket.

pub(in crate::store) mod encoding;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::domain::clock::fact::CycleFact;
use crate::domain::id::TicketId;
use crate::domain::report::summary::Day;
use crate::list_query::cycles::{CycleListQuery, CyclePlace};
use crate::problem::Problem;
use crate::store::page::{MAX_READ_AT_ONCE, Order, Range, Within};
use crate::store::team::TeamStore;
use crate::store::transaction::WRITE_ID;
use crate::store::{Item, key, string, text};

/// The attribute with the encoded facts.
const FACTS: &str = "facts";

/// The items after which a page ends, if few of their facts are wanted.
pub const MAX_READ: usize = 1_000;

/// The facts of one team and mode.
#[derive(Clone, Debug)]
pub struct Cycles<Rights> {
    team: TeamStore<Rights>,
}

/// A page of the list of facts.
#[derive(Debug)]
pub struct CyclePage {
    /// The facts, each with its ticket, by the day of UTC on which they are counted, and by ticket.
    pub facts: Vec<(TicketId, CycleFact)>,
    /// Where the next page begins; `None` if this is the last one.
    pub next: Option<CyclePlace>,
}

impl<Rights> Cycles<Rights> {
    pub(super) fn new(team: TeamStore<Rights>) -> Cycles<Rights> {
        Cycles { team }
    }

    /// A page of the list: the next facts that are wanted. After [`MAX_READ`] items the page ends, even
    /// if it has fewer.
    pub async fn list(&self, query: &CycleListQuery) -> Result<CyclePage, Problem> {
        let start = query.start.as_ref();
        let (first, last) = query.span.days();
        let (mut from, to) = key::cycles_of_days(first, last);
        // An item of which a part is left is read again.
        let mut after = None;
        if let Some(place) = start {
            let sk = key::cycles_of_ticket(place.day, &place.ticket);
            match place.before {
                Some(_) => from = sk,
                None => after = Some(sk),
            }
        }
        let pk = key::cycles(&self.team.pk);
        let mut skip = start.and_then(|place| place.before).unwrap_or_default();
        let mut facts = Vec::new();
        let mut read = 0;
        loop {
            let range = Range {
                pk: &pk,
                within: Within::Bounds(&from, &to),
                order: Order::OldestFirst,
                after,
            };
            let limit = Some(MAX_READ_AT_ONCE);
            let (items, is_last) = self.team.store.read_range(&range, limit).await?;
            read += items.len();
            let mut place = None;
            for item in &items {
                let (day, ticket, found) = read_item(item)?;
                for (number, fact) in found.into_iter().enumerate().skip(skip) {
                    if facts.len() == query.limit {
                        let before = Some(number);
                        let next = Some(CyclePlace {
                            day,
                            ticket,
                            before,
                        });
                        return Ok(CyclePage { facts, next });
                    }
                    if query.wants(&fact) {
                        facts.push((ticket.clone(), fact));
                    }
                }
                skip = 0;
                let before = None;
                place = Some(CyclePlace {
                    day,
                    ticket,
                    before,
                });
            }
            if is_last || read >= MAX_READ {
                let next = place.filter(|_| !is_last);
                return Ok(CyclePage { facts, next });
            }
            after = items.last().and_then(|item| text(item, key::SK));
        }
    }
}

/// The keys of a ticket's facts on a day.
pub(super) fn keys(team_pk: &str, ticket: &TicketId, day: Day) -> (String, String) {
    (key::cycles(team_pk), key::cycles_of_ticket(day, ticket))
}

/// The item of a ticket's facts on a day.
pub(super) fn item(
    team_pk: &str,
    ticket: &TicketId,
    day: Day,
    facts: Vec<u8>,
    write_id: &str,
) -> Item {
    let (pk, sk) = keys(team_pk, ticket, day);
    Item::from([
        (key::PK.to_owned(), string(&pk)),
        (key::SK.to_owned(), string(&sk)),
        (FACTS.to_owned(), AttributeValue::B(Blob::new(facts))),
        (WRITE_ID.to_owned(), string(write_id)),
    ])
}

fn read_item(item: &Item) -> Result<(Day, TicketId, Vec<CycleFact>), Problem> {
    let corrupt = || Problem::Internal("a stored fact is corrupt".into());
    let sk = text(item, key::SK).ok_or_else(corrupt)?;
    let (day, ticket) = sk.split_once('#').ok_or_else(corrupt)?;
    let day = key::day_of_summary(day).ok_or_else(corrupt)?;
    let ticket = TicketId::parse(ticket).ok_or_else(corrupt)?;
    let facts = item.get(FACTS).and_then(|facts| facts.as_b().ok());
    let facts = encoding::decode(facts.ok_or_else(corrupt)?.as_ref())?;
    Ok((day, ticket, facts))
}
