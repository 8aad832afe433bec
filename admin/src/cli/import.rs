//! `cargo admin import`.

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;
use shared::auth::issue::{self, IssueError, random};
use shared::dialect::explain;
use shared::problem::{Cause, Problem};
use shared::store::Store;

use super::arguments::{ModeArgument, TeamArgument};
use crate::console::{Console, Failure};
use crate::import::reconcile::{Ids, Outcome, Row, changes};
use crate::import::{BadFile, Source, SourceFile};
use crate::rows::to_json;

/// The most bytes of a file: many times what the most rules and calendars of a team have. It keeps a wrong file out of memory.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

#[derive(Debug, Args)]
pub struct Command {
    /// Where the files come from
    #[arg(value_enum)]
    source: Source,
    /// Files of JSON, as that product's list endpoints return it, in any order
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    team: TeamArgument,
    /// Which of the team's data to import into
    #[arg(long, value_enum, default_value_t = ModeArgument::Live)]
    mode: ModeArgument,
    /// Only show what an import would do
    #[arg(long)]
    dry_run: bool,
}

/// An import that ended before its last write.
#[derive(Debug)]
struct Interrupted {
    written: usize,
    all: usize,
    cause: Cause,
}

/// Runs the command.
pub async fn run(
    command: &Command,
    store: &Store,
    console: &mut Console<'_>,
) -> Result<Value, Failure> {
    let (team, mode) = (&command.team.id, command.mode.into());
    let files = command.files.iter().map(|path| read(path));
    let files: Vec<SourceFile> = files.collect::<Result<_, _>>().map_err(unread)?;
    let plan = command.source.plan(&files).map_err(unread)?;
    issue::find_team(store, team).await?;
    let contents = store.contents(team, mode).await.map_err(IssueError::from)?;
    let ids = Ids::new(Timestamp::now(), random()?);
    let changes = changes(&plan, &contents, mode, ids).map_err(|error| {
        Failure::with_advice(
            error,
            "Nothing has been changed. Delete what the team does not need, or import fewer.",
        )
    })?;
    for warning in &plan.warnings {
        console.warning(warning);
    }
    let counts = counts(&changes.rows);
    if command.dry_run {
        console.note(&format!(
            "nothing has been written (--dry-run); an import would report {counts}"
        ));
        return to_json(&changes.rows);
    }
    for (written, step) in changes.steps.iter().enumerate() {
        let done = store.carry_out(team, mode, step).await;
        done.map_err(|problem| interrupted(problem, written, changes.steps.len()))?;
    }
    console.note(&counts);
    to_json(&changes.rows)
}

fn read(path: &Path) -> Result<SourceFile, BadFile> {
    let name = path.display().to_string();
    let bad = |reason: String| BadFile::new(name.clone(), reason);
    let file = File::open(path).map_err(|error| bad(error.to_string()))?;
    let mut text = String::new();
    let limited = file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text);
    limited.map_err(|error| bad(error.to_string()))?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(bad(format!("it has more than {MAX_FILE_BYTES} bytes")));
    }
    // Some shells write a byte order mark.
    let json = serde_json::from_str(text.trim_start_matches('\u{feff}'));
    let json = json.map_err(|error| bad(format!("it is not JSON: {error}")))?;
    Ok(SourceFile { path: name, json })
}

fn unread(error: BadFile) -> Failure {
    Failure::with_advice(error, "Nothing has been changed.")
}

/// How many items have each outcome.
fn counts(rows: &[Row]) -> String {
    let outcomes = [
        (Outcome::Created, "created"),
        (Outcome::Updated, "updated"),
        (Outcome::Unchanged, "unchanged"),
        (Outcome::Skipped, "skipped"),
    ];
    let counted = outcomes.map(|(outcome, word)| {
        let count = rows.iter().filter(|row| row.outcome == outcome).count();
        format!("{count} {word}")
    });
    counted.join(", ")
}

/// Why an import ended before its last write.
fn interrupted(problem: Problem, written: usize, all: usize) -> Failure {
    let cause = match problem {
        Problem::WriteConflict => "someone else changed the team at the same time".into(),
        Problem::Unavailable(cause) | Problem::Internal(cause) => cause,
        refused => explain(&refused).into(),
    };
    let error = Interrupted {
        written,
        all,
        cause,
    };
    Failure::with_advice(
        error,
        "Run it again: it leaves what has been written as it is.",
    )
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Interrupted { written, all, .. } = self;
        write!(f, "{written} of {all} changes have been written")
    }
}

impl Error for Interrupted {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.cause.as_ref())
    }
}
