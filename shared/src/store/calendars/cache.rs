//! Calendars that a process has parsed. A version of a calendar never changes, so what is remembered
//! stays right; it only saves reads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::calendar::Calendar;

/// The most calendars that a process remembers, at most some 25 KB each. A full memory is emptied.
const MAX_CALENDARS: usize = 256;

/// Parsed calendars by the keys of their schedules.
#[derive(Debug, Default)]
pub(in crate::store) struct CalendarCache {
    calendars: Mutex<HashMap<(String, String), Arc<Calendar>>>,
}

impl CalendarCache {
    pub(in crate::store) fn get(&self, pk: &str, sk: &str) -> Option<Arc<Calendar>> {
        let calendars = self
            .calendars
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        calendars.get(&(pk.to_owned(), sk.to_owned())).cloned()
    }

    pub(in crate::store) fn insert(&self, pk: &str, sk: &str, calendar: Arc<Calendar>) {
        let mut calendars = self
            .calendars
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if calendars.len() >= MAX_CALENDARS {
            calendars.clear();
        }
        calendars.insert((pk.to_owned(), sk.to_owned()), calendar);
    }
}
