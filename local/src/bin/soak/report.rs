//! What callers record, and the report that follows from it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Wrong answers that are printed; the rest are only counted.
const MAX_PRINTED: usize = 20;
/// Of a thousand operations, at least so many must be done within the client's retries.
const MIN_DONE_PERMILLE: u64 = 999;

/// Collects what callers record.
#[derive(Default)]
pub struct Tally {
    counted: Mutex<Counted>,
}

/// What was recorded.
#[derive(Clone, Default)]
pub struct Counted {
    /// Answers by status; `dropped` for a connection that ended without one.
    pub statuses: BTreeMap<String, u64>,
    /// Operations, which are one request and its retries.
    pub operations: u64,
    /// Operations that needed a retry.
    pub retried: u64,
    /// Operations that were not done within the retries.
    pub given_up: u64,
    /// Operations by what they are.
    pub kinds: BTreeMap<&'static str, u64>,
    /// How many answers the model excludes.
    pub wrong: u64,
    /// The first of them, each with the id of its request, if it has one.
    pub first_wrong: Vec<(String, Option<String>)>,
    /// `X-RateLimit-Remaining` of each admitted call, by credential and window.
    windows: BTreeMap<(usize, String), BTreeSet<i64>>,
}

/// The result of a soak.
pub struct Report {
    pub seed: u64,
    pub broken_percent: u8,
    pub calls: usize,
    pub calls_broken: usize,
    pub kills: usize,
    pub items: usize,
    pub violations: Vec<String>,
    /// What functions logged of failures, by the request's id.
    pub failures: BTreeMap<String, String>,
    pub counted: Counted,
}

impl Tally {
    pub fn status(&self, status: &str) {
        *self.lock().statuses.entry(status.to_owned()).or_default() += 1;
    }

    /// Records an operation.
    pub fn operation(&self, kind: &'static str, attempts: u32, done: bool) {
        let mut counted = self.lock();
        counted.operations += 1;
        counted.retried += u64::from(attempts > 1);
        counted.given_up += u64::from(!done);
        *counted.kinds.entry(kind).or_default() += 1;
    }

    /// Records something that the model excludes.
    pub fn wrong(&self, what: String) {
        self.wrong_answer(what, None);
    }

    /// Records an answer that the model excludes, to the request with this id.
    pub fn wrong_answer(&self, what: String, request: Option<&str>) {
        let mut counted = self.lock();
        counted.wrong += 1;
        if counted.first_wrong.len() < MAX_PRINTED {
            counted.first_wrong.push((what, request.map(str::to_owned)));
        }
    }

    /// Records an admitted call. No two calls of a window have the same number left, and no more
    /// are admitted than the limit.
    pub fn admitted(&self, credential: usize, limit: u32, window: &str, remaining: i64) {
        let mut counted = self.lock();
        let key = (credential, window.to_owned());
        let seen = counted.windows.entry(key).or_default();
        let is_new = seen.insert(remaining);
        let admitted = seen.len();
        drop(counted);
        if !is_new {
            self.wrong(format!(
                "two calls of credential {credential} in the window to {window} have {remaining} left"
            ));
        }
        if admitted > usize::try_from(limit).unwrap_or(usize::MAX) {
            self.wrong(format!(
                "{admitted} calls of credential {credential} in the window to {window}"
            ));
        }
    }

    /// Everything so far.
    pub fn counted(&self) -> Counted {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Report {
    /// Whether every answer was right, the table is in order, and enough operations were done.
    pub fn is_sound(&self) -> bool {
        let Counted {
            operations,
            given_up,
            wrong,
            ..
        } = &self.counted;
        let done = operations.saturating_sub(*given_up);
        // A soak in which nothing was broken proves nothing.
        let was_broken = self.broken_percent == 0 || self.calls_broken > 0;
        was_broken
            && *wrong == 0
            && self.violations.is_empty()
            && *operations > 0
            && done * 1_000 >= *operations * MIN_DONE_PERMILLE
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = &self.counted;
        let requests: u64 = counted.statuses.values().sum();
        let done = counted.operations.saturating_sub(counted.given_up);
        let percent = 100.0 * done as f64 / counted.operations.max(1) as f64;
        writeln!(f, "requests        {requests}")?;
        for (status, times) in &counted.statuses {
            writeln!(f, "  {status:<13} {times}")?;
        }
        writeln!(
            f,
            "operations      {} ({} with a retry)",
            counted.operations, counted.retried
        )?;
        for (kind, times) in &counted.kinds {
            writeln!(f, "  {kind:<22} {times}")?;
        }
        writeln!(
            f,
            "done            {percent:.2} % within five retries, {} given up",
            counted.given_up
        )?;
        writeln!(
            f,
            "DynamoDB calls  {}, {} of them broken; {} processes killed",
            self.calls, self.calls_broken, self.kills
        )?;
        writeln!(
            f,
            "windows         {} of five credentials",
            counted.windows.len()
        )?;
        writeln!(f, "wrong answers   {}", counted.wrong)?;
        for (wrong, request) in &counted.first_wrong {
            writeln!(f, "  {wrong}")?;
            let cause = request.as_ref().and_then(|id| self.failures.get(id));
            if let Some(cause) = cause {
                writeln!(f, "    because: {cause}")?;
            }
        }
        writeln!(
            f,
            "the table       {} items, {} violations",
            self.items,
            self.violations.len()
        )?;
        for violation in &self.violations {
            writeln!(f, "  {violation}")?;
        }
        writeln!(f, "seed            {}", self.seed)
    }
}
