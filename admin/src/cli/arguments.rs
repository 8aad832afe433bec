//! The arguments that several commands share, and their parsers.

use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use shared::domain::digest::Digest;
use shared::domain::id::{KeyId, TeamId, UserId};
use shared::domain::principal::{Mode, Permission, Plan};
use shared::store::credentials::manage::{LastFour, OwnLimit};

use crate::console::Failure;
use shared::auth::issue::{StoredSecret, Terms};

#[derive(Debug, Args)]
pub struct TeamArgument {
    /// The team's id, as shown by `team list`
    #[arg(id = "team", long = "team", value_name = "TEAM_ID", value_parser = team_id)]
    pub id: TeamId,
}

#[derive(Debug, Args)]
pub struct TermsArguments {
    #[command(flatten)]
    pub limit: LimitArguments,
    /// When it expires: an instant such as 2027-01-01T00:00:00Z, or a time from now such as 90d
    /// [default: never]
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub expires_at: Option<Timestamp>,
}

#[derive(Debug, Args)]
pub struct LimitArguments {
    /// Maximum number of calls in a window [default: the deployment's]
    #[arg(long, value_name = "CALLS", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// Length of the window [default: the deployment's]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400), requires = "limit")]
    pub window_seconds: Option<u32>,
}

#[derive(Debug, Args)]
pub struct SecretArguments {
    /// SHA-256 of the whole secret, in hexadecimal digits
    #[arg(long, value_name = "SHA256", value_parser = digest)]
    pub hash: Digest,
    /// Last four characters of the secret, which lists show [default: not shown]
    #[arg(long, value_name = "CHARACTERS", value_parser = last_four)]
    pub last_four: Option<LastFour>,
}

#[derive(Debug, Args)]
pub struct GraceArgument {
    /// How long the old one continues to work, such as 24h, 7d or 0s
    #[arg(long, value_name = "LENGTH", value_parser = duration, default_value = "24h")]
    pub grace: SignedDuration,
}

#[derive(Debug, Args)]
pub struct WaitArgument {
    /// How long requests may still write after the credentials are deleted; a function answers
    /// within 8 seconds
    #[arg(long, value_name = "LENGTH", value_parser = duration, default_value = "10s")]
    wait: SignedDuration,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum PlanArgument {
    /// SLA policies included
    Premium,
    /// SLA policies not included
    Community,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ModeArgument {
    /// What customers see
    Live,
    /// A separate set of data for trials
    Test,
}

impl LimitArguments {
    /// The limit, if one was given.
    pub fn own(&self) -> Option<OwnLimit> {
        self.limit.map(|calls| OwnLimit {
            calls,
            window_seconds: self.window_seconds,
        })
    }
}

impl TermsArguments {
    /// The credential's limits.
    pub fn terms(&self) -> Terms {
        Terms {
            expires_at: self.expires_at,
            limit: self.limit.own(),
        }
    }
}

impl SecretArguments {
    /// What is stored of the secret.
    pub fn stored(&self) -> StoredSecret {
        StoredSecret {
            digest: self.hash.clone(),
            last_four: self.last_four.clone(),
        }
    }
}

impl GraceArgument {
    /// When the grace ends, in whole seconds, which is how it is stored.
    pub fn ends_at(&self) -> Result<Timestamp, Failure> {
        let end = Timestamp::now()
            .checked_add(self.grace)
            .map_err(Failure::new)?;
        Timestamp::from_second(end.as_second()).map_err(Failure::new)
    }
}

impl WaitArgument {
    /// The length of the wait.
    pub fn length(&self) -> Duration {
        self.wait.unsigned_abs()
    }
}

impl From<PlanArgument> for Plan {
    fn from(plan: PlanArgument) -> Plan {
        match plan {
            PlanArgument::Premium => Plan::Premium,
            PlanArgument::Community => Plan::Community,
        }
    }
}

impl From<ModeArgument> for Mode {
    fn from(mode: ModeArgument) -> Mode {
        match mode {
            ModeArgument::Live => Mode::Live,
            ModeArgument::Test => Mode::Test,
        }
    }
}

/// The maximum length of the name of a team, a key or a user.
const MAX_NAME_CHARS: usize = 200;

/// Parses a name, which a terminal must be able to show.
pub fn name(text: &str) -> Result<String, String> {
    let is_visible = !text.trim().is_empty() && !text.chars().any(char::is_control);
    if !is_visible || text.chars().count() > MAX_NAME_CHARS {
        return Err(format!(
            "a name has 1 to {MAX_NAME_CHARS} characters, not only spaces, and no control characters"
        ));
    }
    Ok(text.to_owned())
}

/// Parses the URL of a database.
pub fn endpoint(text: &str) -> Result<String, &'static str> {
    let authority = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    let fits =
        authority.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace));
    if fits {
        Ok(text.to_owned())
    } else {
        Err("an endpoint is a URL such as http://127.0.0.1:8000")
    }
}

pub fn key_id(text: &str) -> Result<KeyId, &'static str> {
    KeyId::parse(text).ok_or(
        "a key id is key_ and 32 hexadecimal digits, as shown by `key list`; it is not the key",
    )
}

pub fn user_id(text: &str) -> Result<UserId, &'static str> {
    UserId::parse(text).ok_or("a user id is up to 64 letters and digits")
}

pub fn permission(text: &str) -> Result<Permission, String> {
    let known = || Permission::ALL.map(Permission::as_str).join(", ");
    Permission::parse(text).ok_or_else(|| format!("the permissions are {}", known()))
}

fn team_id(text: &str) -> Result<TeamId, &'static str> {
    TeamId::parse(text).ok_or("a team id is up to 64 letters, digits, _ and -")
}

fn digest(text: &str) -> Result<Digest, &'static str> {
    Digest::parse(text).ok_or("a SHA-256 is 64 hexadecimal digits")
}

fn last_four(text: &str) -> Result<LastFour, &'static str> {
    LastFour::parse(text).ok_or("the last four characters are letters, digits, _ or -")
}

/// Parses a length of time in weeks, days, hours, minutes or seconds.
fn duration(text: &str) -> Result<SignedDuration, &'static str> {
    const EXPECTED: &str = "a length of time is a number of weeks, days, hours, minutes or seconds, such as 90d or 24h";
    let span: Span = text.parse().map_err(|_| EXPECTED)?;
    let length = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| EXPECTED)?;
    if length.is_negative() {
        Err("a length of time must not be negative")
    } else {
        Ok(length)
    }
}

fn instant(text: &str) -> Result<Timestamp, String> {
    let now = Timestamp::now();
    let instant = match text.parse() {
        Ok(instant) => instant,
        Err(_) => {
            let length = duration(text).map_err(
                |_| "write an instant as 2027-01-01T00:00:00Z, or a time from now as 90d",
            )?;
            now.checked_add(length).map_err(|error| error.to_string())?
        }
    };
    if instant <= now {
        Err("that instant is in the past".to_owned())
    } else {
        Ok(instant)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use shared::serve::DEADLINE;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        wait: WaitArgument,
    }

    #[test]
    fn a_deletion_waits_longer_than_a_function_works() {
        let command = Command::parse_from(["delete"]);
        assert!(command.wait.length() > DEADLINE);
        assert_eq!(DEADLINE.as_secs(), 8, "the help says so");
    }
}
