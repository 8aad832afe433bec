//! `cargo admin team`.

use clap::Subcommand;
use serde_json::Value;
use shared::domain::id::TeamId;
use shared::store::Store;

use super::arguments::{PlanArgument, TeamArgument, name};
use crate::console::{Console, Failure};
use crate::rows::{TeamRow, to_json, with_members};
use shared::auth::issue::{self, IssueError};

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
}

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
