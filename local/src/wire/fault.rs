//! Faults that the wire injects into calls, and which calls they strike.

use crate::lock::lock;
use fastrand::Rng;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// What to do to a call instead of simply forwarding it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InjectedFault {
    /// Forward it, then close the connection without a response.
    DropResponse,
    /// The same, but only for the first match.
    DropResponseOnce,
    /// Forward it after this delay, even if the caller has given up by then.
    Delay(Duration),
    /// Neither forward it nor respond, until the caller gives up.
    Hang,
    /// `ProvisionedThroughputExceededException`.
    Throttle,
    /// Close the connection at once.
    Refuse,
    /// Status 500, `InternalServerError`.
    InternalError,
    /// `AccessDeniedException`, as if the function's role lacked the permission.
    Deny,
    /// `TransactionCanceledException`, with one reason per item, such as `TransactionConflict` or
    /// `None`.
    TransactionConflict {
        /// The reasons' codes, in the order of the items.
        reasons: Vec<String>,
    },
    /// `TransactionInProgressException`, as if an attempt with the same token were still under way.
    TransactionInProgress,
    /// One of these, drawn anew for each call.
    OneOf(Vec<InjectedFault>),
}

/// Which calls a fault strikes. `Matcher::default()` matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matcher {
    /// Only calls of this function (logical id).
    pub function: Option<String>,
    /// Only this operation, such as `PutItem`.
    pub operation: Option<String>,
    /// Only the nth of the calls that match otherwise, from 1, counted since the fault was
    /// injected.
    pub nth: Option<usize>,
    /// Only a share of the calls that match otherwise.
    pub chance: Option<Chance>,
}

/// A share of calls, drawn at random.
///
/// The seed determines the draw for the first call, for the second, and so on. Which call comes
/// first depends on the callers, so with several of them no two runs are quite the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chance {
    /// How many of a hundred calls.
    pub percent: u8,
    /// The same seed gives the same draws.
    pub seed: u64,
}

/// Keeps a fault in force until it is dropped.
#[must_use = "the fault ends when this is dropped"]
pub struct FaultGuard {
    rule: Arc<Rule>,
    rules: Arc<Mutex<Vec<Arc<Rule>>>>,
}

impl FaultGuard {
    /// How many calls the fault has struck.
    pub fn hits(&self) -> usize {
        self.rule.hits.load(Ordering::SeqCst)
    }
}

impl Drop for FaultGuard {
    fn drop(&mut self) {
        lock(&self.rules).retain(|rule| !Arc::ptr_eq(rule, &self.rule));
    }
}

/// The faults in force.
#[derive(Default)]
pub(super) struct Faults {
    rules: Arc<Mutex<Vec<Arc<Rule>>>>,
}

struct Rule {
    matcher: Matcher,
    fault: InjectedFault,
    random: Mutex<Rng>,
    seen: AtomicUsize,
    hits: AtomicUsize,
}

impl Faults {
    pub(super) fn inject(&self, matcher: Matcher, fault: InjectedFault) -> FaultGuard {
        let seed = matcher.chance.map_or(0, |chance| chance.seed);
        let rule = Arc::new(Rule {
            matcher,
            fault,
            random: Mutex::new(Rng::with_seed(seed)),
            seen: AtomicUsize::new(0),
            hits: AtomicUsize::new(0),
        });
        lock(&self.rules).push(Arc::clone(&rule));
        FaultGuard {
            rule,
            rules: Arc::clone(&self.rules),
        }
    }

    /// The fault for a call of this function, if any.
    pub(super) fn strike(&self, function: &str, operation: &str) -> Option<InjectedFault> {
        let rules: Vec<_> = lock(&self.rules).clone();
        // The first fault wins, but every matching rule counts the call.
        let mut fault = None;
        for rule in rules {
            if rule.strikes(function, operation) && fault.is_none() {
                rule.hits.fetch_add(1, Ordering::SeqCst);
                fault = Some(rule.draw());
            }
        }
        fault
    }
}

impl Rule {
    fn strikes(&self, function: &str, operation: &str) -> bool {
        let matcher = &self.matcher;
        let differs = |wanted: &Option<String>, actual: &str| {
            wanted.as_deref().is_some_and(|wanted| wanted != actual)
        };
        if differs(&matcher.function, function) || differs(&matcher.operation, operation) {
            return false;
        }
        let chance = matcher.chance;
        if chance.is_some_and(|chance| lock(&self.random).u8(..100) >= chance.percent) {
            return false;
        }
        let seen = self.seen.fetch_add(1, Ordering::SeqCst) + 1;
        match (matcher.nth, &self.fault) {
            (Some(nth), _) => seen == nth,
            (None, InjectedFault::DropResponseOnce) => seen == 1,
            (None, _) => true,
        }
    }

    fn draw(&self) -> InjectedFault {
        let InjectedFault::OneOf(faults) = &self.fault else {
            return self.fault.clone();
        };
        let drawn = lock(&self.random).choice(faults).cloned();
        drawn.unwrap_or_else(|| self.fault.clone())
    }
}
