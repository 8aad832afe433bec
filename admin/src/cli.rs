//! The command line of `cargo admin`.
//!
//! Each value has one name: `--window-seconds` is `windowSeconds` in JSON, and `--expires-at` is
//! `expiresAt`. Only `--team`, `--key` and `--user` differ: in JSON they are `teamId`, `keyId` and
//! `userId`.

mod arguments;
mod export;
mod import;
mod key;
mod team;
mod user;

use std::ffi::OsString;

use clap::{Parser, Subcommand};
use serde_json::Value;

use crate::connection::{self, Place};
use crate::console::{Console, Failure, Output};

/// The exit code of a command that succeeded.
const SUCCESS: u8 = 0;
/// The exit code of a command that failed.
const FAILURE: u8 = 1;
/// The exit code for invalid arguments.
const USAGE: u8 = 2;

/// Creates, lists, changes and revokes teams and credentials; imports and exports what teams have.
///
/// Works on the table that TABLE_NAME (or --table) and the usual AWS settings name, or, with
/// --local, on the database of a running `cargo local`.
#[derive(Debug, Parser)]
#[command(name = "cargo admin", bin_name = "cargo admin", version)]
pub struct Cli {
    #[command(flatten)]
    global: GlobalArguments,
    #[command(subcommand)]
    topic: Topic,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options of every command")]
struct GlobalArguments {
    /// Work on the database of `cargo local`
    #[arg(long, global = true)]
    local: bool,
    /// URL of that database
    #[arg(long, global = true, value_name = "URL", default_value = "http://127.0.0.1:8000", requires = "local", value_parser = arguments::endpoint)]
    endpoint: String,
    /// Name of the table, in place of TABLE_NAME
    #[arg(long, global = true, value_name = "NAME")]
    table: Option<String>,
    /// Format of the result
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t = Output::Text)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum Topic {
    /// Tenants: cStar teams, Rocket.Chat workspaces
    #[command(subcommand)]
    Team(team::Command),
    /// cStar API keys
    #[command(subcommand)]
    Key(key::Command),
    /// Rocket.Chat users and their tokens
    #[command(subcommand)]
    User(user::Command),
    /// Import rules and calendars of another product, or what a team of another deployment has
    Import(import::Command),
    /// Print a team's rules, policies, calendars and settings as JSON, to be imported elsewhere
    Export(export::Command),
}

/// Runs a command line, whose first argument is the program's name, and returns the exit code.
pub async fn run<I>(arguments: I, console: &mut Console<'_>) -> u8
where
    I: IntoIterator<Item: Into<OsString> + Clone>,
{
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        // To clap, help and the version are errors too.
        Err(error) if error.use_stderr() => {
            let _ = write!(console.err, "{error}");
            return USAGE;
        }
        Err(help) => {
            let _ = write!(console.out, "{help}");
            return SUCCESS;
        }
    };
    match execute(&cli, console).await {
        Ok(result) => {
            match cli.topic {
                Topic::Export(_) => console.document(cli.global.output, &result),
                _ => console.result(cli.global.output, &result),
            }
            SUCCESS
        }
        Err(failure) => {
            console.failure(&failure);
            FAILURE
        }
    }
}

async fn execute(cli: &Cli, console: &mut Console<'_>) -> Result<Value, Failure> {
    let global = &cli.global;
    let place = if global.local {
        Place::Local(&global.endpoint)
    } else {
        Place::Aws
    };
    let store = connection::open(place, global.table.as_deref()).await?;
    match &cli.topic {
        Topic::Team(command) => team::run(command, &store, console).await,
        Topic::Key(command) => key::run(command, &store, console).await,
        Topic::User(command) => user::run(command, &store, console).await,
        Topic::Import(command) => import::run(command, &store, console).await,
        Topic::Export(command) => export::run(command, &store, console).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn every_command_and_every_flag_has_help() {
        Cli::command().debug_assert();
        let mut remaining = vec![Cli::command()];
        while let Some(command) = remaining.pop() {
            let name = command.get_name();
            assert!(command.get_about().is_some(), "{name} has no description");
            for flag in command.get_arguments() {
                let id = flag.get_id();
                let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(!help.is_empty(), "{name}: {id} has no help");
            }
            remaining.extend(command.get_subcommands().cloned());
        }
    }
}
