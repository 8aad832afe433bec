//! `cargo admin team`.

use std::time::Duration;

use clap::Subcommand;
use serde_json::Value;
use shared::domain::id::TeamId;
use shared::store::Store;

use super::arguments::{PlanArgument, TeamArgument, WaitArgument, name};
use crate::console::{Console, Failure};
use crate::rows::{TeamRow, to_json, with_members};
use shared::auth::issue::{self, DeletionStep, IssueError};
use shared::store::credentials::manage::delete::Belongings;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a team
    Create {
        /// The team's name
        #[arg(long, value_parser = name)]
        name: String,
        /// The plan that the team pays for
        #[arg(long, value_enum, default_value_t = PlanArgument::Premium)]
        plan: PlanArgument,
    },
    /// List all teams
    List,
    /// Change a team's name, plan or both; its credentials also receive the new plan
    #[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
    Update {
        #[command(flatten)]
        team: TeamArgument,
        /// The team's name
        #[arg(long, group = "change", value_parser = name)]
        name: Option<String>,
        /// The plan that the team pays for
        #[arg(long, group = "change", value_enum)]
        plan: Option<PlanArgument>,
    },
    /// Delete a team and everything it owns, for good; without --yes, count that
    Delete {
        #[command(flatten)]
        team: TeamArgument,
        /// Delete it
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        wait: WaitArgument,
    },
}

/// How many items are deleted between one note of progress and the next.
const ITEMS_PER_NOTE: u64 = 1_000;

/// Runs a command.
pub async fn run(
    command: &Command,
    store: &Store,
    console: &mut Console<'_>,
) -> Result<Value, Failure> {
    match command {
        Command::Create { name, plan } => {
            warn_of_namesakes(store, None, name, console).await?;
            let team = issue::team(store, name, (*plan).into()).await?;
            to_json(&TeamRow::from(team))
        }
        Command::List => {
            let teams = store.list_teams().await.map_err(IssueError::from)?;
            to_json(&teams.into_iter().map(TeamRow::from).collect::<Vec<_>>())
        }
        Command::Update { team, name, plan } => {
            if let Some(name) = name {
                warn_of_namesakes(store, Some(&team.id), name, console).await?;
            }
            let plan = plan.map(Into::into);
            let changed = issue::update_team(store, &team.id, name.as_deref(), plan).await?;
            let row = TeamRow::from(issue::find_team(store, &team.id).await?);
            let more = plan.map(|_| ("credentialsChanged", changed.into()));
            Ok(with_members(to_json(&row)?, more))
        }
        Command::Delete { team, yes, wait } if *yes => {
            delete(store, &team.id, wait.length(), console).await
        }
        Command::Delete { team, .. } => Err(not_confirmed(store, &team.id).await?),
    }
}

async fn delete(
    store: &Store,
    id: &TeamId,
    wait: Duration,
    console: &mut Console<'_>,
) -> Result<Value, Failure> {
    let mut noted = 0;
    let mut report = |step| match step {
        DeletionStep::Deleted(belongings) => {
            if belongings.total() - noted >= ITEMS_PER_NOTE {
                noted = belongings.total();
                console.note(&format!("deleted so far: {}", listed(&belongings)));
            }
        }
        DeletionStep::Waiting(Duration::ZERO) => {}
        DeletionStep::Waiting(length) => console.note(&format!(
            "the credentials are deleted; waiting {} s for requests that were admitted before",
            length.as_secs()
        )),
    };
    let (team, deleted) = issue::delete_team(store, id, wait, &mut report).await?;
    let numbers = deleted.named();
    let numbers = numbers.map(|(name, number)| (name, number.into()));
    Ok(with_members(to_json(&TeamRow::from(team))?, numbers))
}

/// Why nothing was deleted, with what would have been.
async fn not_confirmed(store: &Store, id: &TeamId) -> Result<Failure, Failure> {
    let (team, found) = issue::team_belongings(store, id).await?;
    let error = format!(
        "nothing has been deleted of the team \"{}\", which owns {}",
        team.name,
        listed(&found)
    );
    let advice = "Add --yes to delete the team with all of this. It cannot be undone.";
    Ok(Failure::with_advice(error, advice))
}

/// The numbers that are not zero, such as `keys=2 tickets=1200`.
fn listed(belongings: &Belongings) -> String {
    let numbers = belongings.named().into_iter();
    let numbers = numbers.filter(|(_, number)| *number > 0);
    let numbers = numbers.map(|(name, number)| format!("{name}={number}"));
    let numbers: Vec<String> = numbers.collect();
    if numbers.is_empty() {
        "nothing".to_owned()
    } else {
        numbers.join(" ")
    }
}

/// Warns if another team has the same name. Names need not be unique, but this is rarely intended.
async fn warn_of_namesakes(
    store: &Store,
    own: Option<&TeamId>,
    name: &str,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let teams = store.list_teams().await.map_err(IssueError::from)?;
    let others = teams.iter().filter(|team| Some(&team.id) != own);
    let namesakes = others.filter(|team| team.name == name);
    let ids: Vec<&str> = namesakes.map(|team| team.id.as_str()).collect();
    match ids.as_slice() {
        [] => {}
        [one] => console.warning(&format!("another team has this name: {one}")),
        several => console.warning(&format!(
            "{} other teams have this name: {}",
            several.len(),
            several.join(", ")
        )),
    }
    Ok(())
}
