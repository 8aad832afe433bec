//! The doors to what one team has in one mode: one to read by, one to change by.

use crate::store::Store;
use crate::store::calendars::{CalendarWriter, Calendars};
use crate::store::policies::{Policies, PolicyWriter};
use crate::store::rules::{RuleWriter, Rules};

/// What one team has in one mode, to be read.
#[derive(Clone, Debug)]
pub struct TeamStore {
    store: Store,
    pk: String,
}

/// What one team has in one mode, to be changed.
#[derive(Clone, Debug)]
pub struct TeamWriter {
    store: Store,
    pk: String,
}

impl TeamStore {
    pub(super) fn new(store: Store, pk: String) -> TeamStore {
        TeamStore { store, pk }
    }

    /// The team's calendars.
    pub fn calendars(&self) -> Calendars {
        Calendars::new(self.store.clone(), self.pk.clone())
    }

    /// The workspace's policies.
    pub fn policies(&self) -> Policies {
        Policies::new(self.store.clone(), self.pk.clone())
    }

    /// The team's rules.
    pub fn rules(&self) -> Rules {
        Rules::new(self.store.clone(), self.pk.clone())
    }
}

impl TeamWriter {
    pub(super) fn new(store: Store, pk: String) -> TeamWriter {
        TeamWriter { store, pk }
    }

    /// The team's calendars.
    pub fn calendars(&self) -> CalendarWriter {
        CalendarWriter::new(self.store.clone(), self.pk.clone())
    }

    /// The workspace's policies.
    pub fn policies(&self) -> PolicyWriter {
        PolicyWriter::new(self.store.clone(), self.pk.clone())
    }

    /// The team's rules.
    pub fn rules(&self) -> RuleWriter {
        RuleWriter::new(self.store.clone(), self.pk.clone())
    }
}
