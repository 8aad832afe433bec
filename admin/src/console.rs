//! What an operator sees: results on standard output, and everything else on standard error.

use std::error::Error;
use std::io::Write;

use clap::ValueEnum;
use serde_json::Value;

use shared::auth::issue::IssueError;

/// Where the program writes.
pub struct Console<'a> {
    /// Results.
    pub out: &'a mut (dyn Write + Send),
    /// Notes, warnings and errors.
    pub err: &'a mut (dyn Write + Send),
}

/// The format of a result.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Output {
    /// `name=value`, one line per row of a list
    Text,
    /// One line of JSON
    Json,
}

/// Why a command failed, and what an operator can do about it.
#[derive(Debug)]
pub struct Failure {
    error: Box<dyn Error + Send + Sync>,
    advice: Option<String>,
}

impl Failure {
    /// A failure without advice.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Failure {
        Failure {
            error: error.into(),
            advice: None,
        }
    }

    /// A failure with advice on what to do about it.
    pub(crate) fn with_advice(
        error: impl Into<Box<dyn Error + Send + Sync>>,
        advice: &str,
    ) -> Failure {
        Failure {
            error: error.into(),
            advice: Some(advice.to_owned()),
        }
    }
}

impl From<IssueError> for Failure {
    fn from(error: IssueError) -> Failure {
        Failure::new(error)
    }
}

// Write errors are ignored: a reader that has gone, such as `head`, is no failure.
impl Console<'_> {
    /// Prints a command's result.
    pub(crate) fn result(&mut self, output: Output, result: &Value) {
        let lines = match (output, result) {
            (Output::Json, result) => vec![result.to_string()],
            (Output::Text, Value::Array(rows)) if rows.is_empty() => vec!["none".to_owned()],
            (Output::Text, Value::Array(rows)) => {
                rows.iter().map(|row| members(row).join("  ")).collect()
            }
            (Output::Text, result) => members(result),
        };
        let _ = writeln!(self.out, "{}", lines.join("\n"));
    }

    /// Prints a result that is to be kept as a file.
    pub(crate) fn document(&mut self, output: Output, document: &Value) {
        let text = match output {
            Output::Json => document.to_string(),
            // People read it, and compare two of them line by line.
            Output::Text => format!("{document:#}"),
        };
        let _ = writeln!(self.out, "{text}");
    }

    /// Prints a note.
    pub(crate) fn note(&mut self, text: &str) {
        let _ = writeln!(self.err, "note: {text}");
    }

    /// Prints a warning that something may not be as intended.
    pub(crate) fn warning(&mut self, text: &str) {
        let text: String = text.chars().map(visible).collect();
        let _ = writeln!(self.err, "warning: {text}");
    }

    /// Prints why a command failed.
    pub fn failure(&mut self, failure: &Failure) {
        let mut text = format!("error: {}", failure.error);
        let mut next = failure.error.source();
        while let Some(source) = next {
            text.push_str(&format!(": {source}"));
            next = source.source();
        }
        let _ = writeln!(self.err, "{text}");
        if let Some(advice) = &failure.advice {
            let _ = writeln!(self.err, "  {advice}");
        }
    }
}

fn members(row: &Value) -> Vec<String> {
    let Value::Object(members) = row else {
        return vec![row.to_string()];
    };
    let member = |(name, value): (&String, &Value)| format!("{name}={}", text(value));
    members.iter().map(member).collect()
}

/// A value in the form that flags accept, with commas in lists. Control characters are escaped: names
/// that were imported may have some, which a terminal would obey.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.chars().map(visible).collect(),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn visible(character: char) -> String {
    if character.is_control() {
        character.escape_default().to_string()
    } else {
        character.to_string()
    }
}
