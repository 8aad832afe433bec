//! `cargo admin export`.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::Value;
use shared::auth::issue::{self, IssueError};
use shared::store::Store;
use shared::store::transfer::Contents;

use super::arguments::{ModeArgument, TeamArgument};
use crate::console::{Console, Failure};
use crate::import::dueline;

#[derive(Debug, Args)]
pub struct Command {
    #[command(flatten)]
    team: TeamArgument,
    /// Which of the team's data to export
    #[arg(long, value_enum, default_value_t = ModeArgument::Live)]
    mode: ModeArgument,
}

/// Runs the command.
pub async fn run(
    Command { team, mode }: &Command,
    store: &Store,
    console: &mut Console<'_>,
) -> Result<Value, Failure> {
    issue::find_team(store, &team.id).await?;
    let contents = store.contents(&team.id, (*mode).into()).await;
    let contents = contents.map_err(IssueError::from)?;
    for (item, number) in ambiguous(&contents) {
        console.warning(&format!(
            "an import will skip {item}: there are {number}, and it finds them by that"
        ));
    }
    Ok(dueline::export(&contents))
}

/// What an import cannot tell apart, and how many there are of each.
fn ambiguous(contents: &Contents) -> BTreeMap<String, usize> {
    let calendars = contents.calendars.iter();
    let calendars =
        calendars.map(|calendar| format!("calendar \"{}\"", calendar.draft.name.as_str()));
    let rules = contents.rules.iter().map(|rule| {
        let (name, priority) = (rule.draft.name.as_str(), rule.draft.priority.as_str());
        format!("rule \"{name}\" of priority {priority}")
    });
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    for item in calendars.chain(rules) {
        *numbers.entry(item).or_default() += 1;
    }
    numbers.retain(|_, number| *number > 1);
    numbers
}
