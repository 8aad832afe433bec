//! A team's settings, calendars, rules and policies as a whole, which operators carry from one team
//! to another.
//!
//! An operator has no principal, so this opens a team's store by itself. It hands out values, never
//! the store: whoever has credentials for the table can read and write these four kinds of items
//! here, and nothing else.

use crate::domain::id::TeamId;
use crate::domain::policy::Policy;
use crate::domain::principal::Mode;
use crate::domain::rule::Rule;
use crate::domain::settings::Settings;
use crate::domain::team_calendar::TeamCalendar;
use crate::problem::Problem;
use crate::store::idempotency::Recording;
use crate::store::team::{ReadOnly, ReadWrite, TeamStore};
use crate::store::{Store, key};

/// What a team has, except for its tickets and its webhooks.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// Its settings.
    pub settings: Settings,
    /// Its calendars, oldest first, with holidays and exceptions.
    pub calendars: Vec<TeamCalendar>,
    /// Its rules, oldest first.
    pub rules: Vec<Rule>,
    /// Its policies, oldest first.
    pub policies: Vec<Policy>,
}

/// One write. A replacement names what it replaces, and is [`Problem::WriteConflict`] if that has
/// changed meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Adds a calendar.
    AddCalendar(TeamCalendar),
    /// Replaces a calendar.
    ReplaceCalendar {
        /// What it shall be.
        new: Box<TeamCalendar>,
        /// What it is.
        current: Box<TeamCalendar>,
    },
    /// Adds a rule.
    AddRule(Rule),
    /// Replaces a rule.
    ReplaceRule {
        /// What it shall be.
        new: Rule,
        /// What it is.
        current: Rule,
    },
    /// Adds a policy.
    AddPolicy(Policy),
    /// Replaces a policy.
    ReplacePolicy {
        /// What it shall be.
        new: Policy,
        /// What it is.
        current: Policy,
    },
    /// Replaces the settings.
    ReplaceSettings {
        /// What they shall be.
        new: Settings,
        /// What they are.
        current: Settings,
    },
}

impl Store {
    /// What a team has in one mode.
    pub async fn contents(&self, team: &TeamId, mode: Mode) -> Result<Contents, Problem> {
        let team: TeamStore<ReadOnly> = self.opened(team, mode);
        let calendars = team.calendars();
        let mut found = Vec::new();
        for summary in calendars.list().await? {
            // One that has been deleted since the list is not there any more.
            found.extend(calendars.get(&summary.id).await?);
        }
        Ok(Contents {
            settings: team.settings().await?,
            calendars: found,
            rules: team.rules().list().await?,
            policies: team.policies().list().await?,
        })
    }

    /// Writes one step. It is conditional, as the same write of a client is.
    pub async fn carry_out(&self, team: &TeamId, mode: Mode, step: &Step) -> Result<(), Problem> {
        let team: TeamStore<ReadWrite> = self.opened(team, mode);
        // Only requests are recorded.
        let recording = Recording::new(None);
        let (calendars, rules, policies) = (team.calendars(), team.rules(), team.policies());
        match step {
            Step::AddCalendar(calendar) => {
                let default = calendars.default_id().await?;
                let written = calendars.insert(calendar, default.as_ref(), recording);
                written.await.map(drop)
            }
            Step::ReplaceCalendar { new, current } => {
                let default = calendars.default_id().await?;
                let written = calendars.update(new, current, default.as_ref(), recording);
                written.await.map(drop)
            }
            Step::AddRule(rule) => rules.insert(rule, recording).await.map(drop),
            Step::ReplaceRule { new, current } => {
                rules.update(new, current, recording).await.map(drop)
            }
            Step::AddPolicy(policy) => policies.insert(policy).await,
            Step::ReplacePolicy { new, current } => policies.update(new, current).await,
            Step::ReplaceSettings { new, current } => {
                let written = team.update_settings(new, current, recording);
                written.await.map(drop)
            }
        }
    }

    fn opened<Rights>(&self, team: &TeamId, mode: Mode) -> TeamStore<Rights> {
        TeamStore::new(self.clone(), key::team(team, mode))
    }
}
