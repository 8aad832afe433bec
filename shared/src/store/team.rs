//! The data of one team in one mode.

use std::marker::PhantomData;

use crate::store::Store;
use crate::store::calendars::Calendars;
use crate::store::cycles::Cycles;
use crate::store::deliveries::Deliveries;
use crate::store::notices::Notices;
use crate::store::policies::Policies;
use crate::store::rules::Rules;
use crate::store::summaries::Summaries;
use crate::store::tickets::Tickets;
use crate::store::webhooks::Webhooks;

/// The right to read a team's data.
#[derive(Clone, Copy, Debug)]
pub struct ReadOnly;

/// The right to read and to change a team's data.
#[derive(Clone, Copy, Debug)]
pub struct ReadWrite;

/// The data of one team in one mode. `Rights` decides whether it can be changed: [`ReadOnly`] or
/// [`ReadWrite`].
#[derive(Clone, Debug)]
pub struct TeamStore<Rights> {
    pub(super) store: Store,
    /// The team's partition.
    pub(super) pk: String,
    rights: PhantomData<Rights>,
}

impl<Rights> TeamStore<Rights> {
    pub(super) fn new(store: Store, pk: String) -> TeamStore<Rights> {
        TeamStore {
            store,
            pk,
            rights: PhantomData,
        }
    }

    /// The team's calendars.
    pub fn calendars(&self) -> Calendars<Rights> {
        Calendars::new(self.share())
    }

    /// The workspace's policies.
    pub fn policies(&self) -> Policies<Rights> {
        Policies::new(self.share())
    }

    /// The team's rules.
    pub fn rules(&self) -> Rules<Rights> {
        Rules::new(self.share())
    }

    /// The team's tickets.
    pub fn tickets(&self) -> Tickets<Rights> {
        Tickets::new(self.share())
    }

    /// The facts behind the team's reports.
    pub fn cycles(&self) -> Cycles<Rights> {
        Cycles::new(self.share())
    }

    /// The sums that the team's reports are added up from.
    pub fn summaries(&self) -> Summaries<Rights> {
        Summaries::new(self.share())
    }

    /// The feed of the team's notices.
    pub fn notices(&self) -> Notices<Rights> {
        Notices::new(self.share())
    }

    /// The team's webhooks.
    pub fn webhooks(&self) -> Webhooks<Rights> {
        Webhooks::new(self.share())
    }

    /// The deliveries to the team's webhooks.
    pub fn deliveries(&self) -> Deliveries<Rights> {
        Deliveries::new(self.share())
    }

    pub(super) fn share(&self) -> TeamStore<Rights> {
        TeamStore::new(self.store.clone(), self.pk.clone())
    }
}
