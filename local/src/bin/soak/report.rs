//! What callers record, and the report on it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Wrong responses that are printed. The others are only counted.
const MAX_PRINTED: usize = 20;
/// How many of a thousand operations must succeed within the client's retries.
const MIN_DONE_PER_MILLE: u64 = 999;

/// Collects what callers record.
#[derive(Default)]
pub struct Tally {
    totals: Mutex<Totals>,
}

/// What the callers recorded.
#[derive(Clone, Default)]
pub struct Totals {
    /// Responses by status; `dropped` counts connections that closed without a response.
    pub statuses: BTreeMap<String, u64>,
    /// Operations; each is one request with its retries.
    pub operations: u64,
    /// Operations that needed a retry.
    pub retried: u64,
    /// Operations that did not succeed within the retries.
    pub given_up: u64,
    /// Operations by kind.
    pub kinds: BTreeMap<&'static str, u64>,
    /// How many responses contradict the model.
    pub wrong: u64,
    /// The first of them, each with the id of its request if it has one.
    pub first_wrong: Vec<(String, Option<String>)>,
    /// The `X-RateLimit-Remaining` of each admitted call, by credential and window.
    windows: BTreeMap<(usize, String), BTreeSet<i64>>,
}

/// The result of a soak.
pub struct Report {
    pub seed: u64,
    pub broken_percent: u8,
    pub calls: usize,
    pub faults_injected: usize,
    pub kills: usize,
    pub items: usize,
    pub violations: Vec<String>,
    /// The failures that the functions logged, by request id.
    pub failures: BTreeMap<String, String>,
    pub totals: Totals,
}

impl Tally {
    pub fn status(&self, status: &str) {
        *self.lock().statuses.entry(status.to_owned()).or_default() += 1;
    }

    /// Records an operation.
    pub fn operation(&self, kind: &'static str, attempts: u32, done: bool) {
        let mut totals = self.lock();
        totals.operations += 1;
        totals.retried += u64::from(attempts > 1);
        totals.given_up += u64::from(!done);
        *totals.kinds.entry(kind).or_default() += 1;
    }

    /// Records something that contradicts the model.
    pub fn wrong(&self, what: String) {
        self.wrong_response(what, None);
    }

    /// Records a response that contradicts the model, with the id of its request.
    pub fn wrong_response(&self, what: String, request: Option<&str>) {
        let mut totals = self.lock();
        totals.wrong += 1;
        if totals.first_wrong.len() < MAX_PRINTED {
            totals.first_wrong.push((what, request.map(str::to_owned)));
        }
    }

    /// Records an admitted call. No two calls of a window leave the same number of calls, and no
    /// more calls are admitted than the limit.
    pub fn admitted(&self, credential: usize, limit: u32, window: &str, remaining: i64) {
        let mut totals = self.lock();
        let key = (credential, window.to_owned());
        let seen = totals.windows.entry(key).or_default();
        let is_new = seen.insert(remaining);
        let admitted = seen.len();
        drop(totals);
        if !is_new {
            self.wrong(format!(
                "two calls of credential {credential} in the window until {window} have {remaining} left"
            ));
        }
        if admitted > usize::try_from(limit).unwrap_or(usize::MAX) {
            self.wrong(format!(
                "{admitted} calls of credential {credential} in the window until {window}"
            ));
        }
    }

    /// The totals so far.
    pub fn totals(&self) -> Totals {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Totals> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Report {
    /// Whether every response was right, the table is valid, and enough operations succeeded.
    pub fn passed(&self) -> bool {
        let Totals {
            operations,
            given_up,
            wrong,
            ..
        } = &self.totals;
        let done = operations.saturating_sub(*given_up);
        // A soak without a fault proves nothing.
        let proves_something = self.broken_percent == 0 || self.faults_injected > 0;
        proves_something
            && *wrong == 0
            && self.violations.is_empty()
            && *operations > 0
            && done * 1_000 >= *operations * MIN_DONE_PER_MILLE
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let totals = &self.totals;
        let requests: u64 = totals.statuses.values().sum();
        let done = totals.operations.saturating_sub(totals.given_up);
        let percent = 100.0 * done as f64 / totals.operations.max(1) as f64;
        writeln!(f, "requests        {requests}")?;
        for (status, times) in &totals.statuses {
            writeln!(f, "  {status:<13} {times}")?;
        }
        writeln!(
            f,
            "operations      {} ({} with a retry)",
            totals.operations, totals.retried
        )?;
        for (kind, times) in &totals.kinds {
            writeln!(f, "  {kind:<22} {times}")?;
        }
        writeln!(
            f,
            "succeeded       {percent:.2} % within five retries; {} given up",
            totals.given_up
        )?;
        writeln!(
            f,
            "DynamoDB calls  {}, {} with a fault; {} processes killed",
            self.calls, self.faults_injected, self.kills
        )?;
        writeln!(
            f,
            "windows         {} of five credentials",
            totals.windows.len()
        )?;
        writeln!(f, "wrong responses {}", totals.wrong)?;
        for (wrong, request) in &totals.first_wrong {
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
