//! How a write of a ticket changes its facts, and with them the sums of their days.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::domain::clock::fact::CycleFact;
use crate::domain::report::summary::{CountedDay, Day, DayChange, Tally};
use crate::domain::ticket::Ticket;
use crate::problem::Problem;
use crate::store::cycles;
use crate::store::summaries::change_item;
use crate::store::transaction::Transaction;

/// The most days whose facts one write changes: the rest of a transaction is for notices. A ticket with
/// more of them was open, resolved and open again for weeks, and got an event that was weeks late.
pub(super) const MAX_DAYS: usize = 40;

/// What a write changes.
pub(super) struct FactChanges {
    /// The facts that are written, and those that are gone.
    days: Vec<(Day, Option<Vec<u8>>)>,
    /// How the sums of those days change.
    sums: Vec<DayChange>,
    /// What is stored when this is written.
    pub(super) counted: Vec<CountedDay>,
    /// Whether that is all of the ticket's facts.
    pub(super) is_whole: bool,
}

impl FactChanges {
    /// From the facts that are stored to those of an instant.
    pub(super) fn of(ticket: &Ticket, now: Timestamp) -> Result<FactChanges, Problem> {
        // The clock of a process may be behind that of the one that wrote the ticket.
        let now = now.max(ticket.updated_at);
        let mut current: BTreeMap<Day, Vec<CycleFact>> = BTreeMap::new();
        for fact in ticket.history().facts(now) {
            let facts = current.entry(Day::of(fact.counted_at)).or_default();
            facts.push(fact);
        }
        let stored: BTreeMap<Day, &CountedDay> =
            ticket.counted.iter().map(|day| (day.day, day)).collect();
        let days: BTreeSet<Day> = stored.keys().chain(current.keys()).copied().collect();
        let mut changes = FactChanges {
            days: Vec::new(),
            sums: Vec::new(),
            counted: Vec::new(),
            is_whole: true,
        };
        for day in days {
            changes.add(day, stored.get(&day).copied(), current.get(&day))?;
        }
        Ok(changes)
    }

    fn add(
        &mut self,
        day: Day,
        stored: Option<&CountedDay>,
        current: Option<&Vec<CycleFact>>,
    ) -> Result<(), Problem> {
        let facts = current.map(|facts| cycles::encoding::encode(facts));
        let facts = facts.transpose()?;
        let checksum = facts.as_deref().map(crc32fast::hash);
        if checksum == stored.map(|stored| stored.checksum) || self.days.len() == MAX_DAYS {
            self.is_whole &= checksum == stored.map(|stored| stored.checksum);
            self.counted.extend(stored.cloned());
            return Ok(());
        }
        let tallies: Vec<Tally> = current.into_iter().flatten().map(Tally::of).collect();
        let before = stored.map_or(&[][..], |stored| &stored.tallies);
        self.sums.extend(DayChange::between(day, before, &tallies));
        self.counted.extend(checksum.map(|checksum| CountedDay {
            day,
            checksum,
            tallies,
        }));
        self.days.push((day, facts));
        Ok(())
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.days.is_empty()
    }

    /// The number of items that it adds to a transaction.
    pub(super) fn items(&self) -> usize {
        self.days.len() + usize::from(!self.sums.is_empty())
    }

    /// Adds the changes to the transaction that writes the ticket.
    pub(super) fn write(
        &self,
        ticket: &Ticket,
        team_pk: &str,
        now: Timestamp,
        transaction: &mut Transaction<'_>,
    ) -> Result<(), Problem> {
        let write_id = transaction.write_id().to_owned();
        for (day, facts) in &self.days {
            match facts {
                Some(facts) => {
                    let facts = facts.clone();
                    let item = cycles::item(team_pk, &ticket.id, *day, facts, &write_id);
                    transaction.put_any(item)?;
                }
                None => {
                    let (pk, sk) = cycles::keys(team_pk, &ticket.id, *day);
                    transaction.delete_any(&pk, &sk)?;
                }
            }
        }
        if !self.sums.is_empty() {
            transaction.put_any(change_item(team_pk, &self.sums, now, &write_id)?)?;
        }
        Ok(())
    }
}

/// How the sums change when a ticket is no more.
pub(super) fn removal(ticket: &Ticket) -> Vec<DayChange> {
    let days = ticket.counted.iter();
    let removed = days.filter_map(|day| DayChange::between(day.day, &day.tallies, &[]));
    removed.collect()
}
