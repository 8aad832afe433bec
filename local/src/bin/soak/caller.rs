//! The kinds of callers.

use crate::limited::Limited;
use crate::policies::Policies;
use crate::rules::Rules;
use crate::site::Shared;
use fastrand::Rng;

/// A caller and its model of its own resources.
pub enum Caller {
    /// A client of cStar: rules, calendars, previews.
    Rules(Box<Rules>),
    /// A client of Rocket.Chat: policies.
    Policies(Box<Policies>),
    /// A client that exceeds its rate limit.
    Limited(Box<Limited>),
}

impl Caller {
    /// Of four callers, two use cStar, one uses Rocket.Chat and one has a limit. Each kind is in
    /// both teams.
    pub fn new(site: &Shared, number: u64, random: Rng) -> Caller {
        let team = usize::from((number / 4 + number) % 2 == 1);
        match number % 4 {
            1 => Caller::Policies(Box::new(Policies::new(site, team, number, random))),
            3 => Caller::Limited(Box::new(Limited::new(site, random))),
            _ => Caller::Rules(Box::new(Rules::new(site, team, number, random))),
        }
    }

    /// Performs one operation.
    pub async fn act(&mut self) {
        match self {
            Caller::Rules(caller) => caller.act().await,
            Caller::Policies(caller) => caller.act().await,
            Caller::Limited(caller) => caller.act().await,
        }
    }

    /// Compares what exists with the model, once no more faults are injected.
    pub async fn check(&mut self) {
        match self {
            Caller::Rules(caller) => caller.check().await,
            Caller::Policies(caller) => caller.check().await,
            Caller::Limited(_) => {}
        }
    }
}
