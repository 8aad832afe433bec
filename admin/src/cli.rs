//! What `cargo admin` understands.

use admin::issue::Terms;
use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use shared::domain::digest::Digest;
use shared::domain::id::{KeyId, TeamId, UserId};
use shared::domain::principal::{CredentialKind, Mode, Permission, Plan};
use shared::store::credentials::manage::OwnLimit;

/// Makes, lists, changes and revokes teams and credentials.
///
/// Works on the table that TABLE_NAME (or --table) and the usual AWS environment point at, or on
/// the database of a running `cargo local` with --local.
#[derive(Parser)]
#[command(name = "cargo admin", bin_name = "cargo admin", version)]
pub struct Cli {
    /// Work on the database of `cargo local`
    #[arg(long, global = true)]
    pub local: bool,
    /// Where that database listens
    #[arg(long, global = true, default_value = "http://127.0.0.1:8000", requires = "local", value_parser = endpoint)]
    pub endpoint: String,
    /// The table's name, instead of TABLE_NAME
    #[arg(long, global = true)]
    pub table: Option<String>,
    /// How to tell the result
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    pub output: Output,
    #[command(subcommand)]
    pub topic: Topic,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Output {
    Text,
    Json,
}

#[derive(Subcommand)]
pub enum Topic {
    /// Tenants: cStar teams, Rocket.Chat workspaces
    Team {
        #[command(subcommand)]
        command: TeamCommand,
    },
    /// cStar API keys
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Rocket.Chat users and their tokens
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
}

#[derive(Subcommand)]
pub enum TeamCommand {
    /// Make a team
    Create {
        #[arg(long, value_parser = name)]
        name: String,
        #[arg(long, value_enum, default_value_t = PlanArgument::Premium)]
        plan: PlanArgument,
    },
    /// List all teams
    List,
}

#[derive(Subcommand)]
pub enum KeyCommand {
    /// Make a key and show it, once
    Create {
        #[arg(long, value_parser = team_id)]
        team: TeamId,
        #[arg(long = "type", value_enum)]
        kind: KindArgument,
        #[arg(long, value_enum, default_value_t = ModeArgument::Live)]
        mode: ModeArgument,
        #[command(flatten)]
        terms: TermsArguments,
    },
    /// Take in a key that was made elsewhere, by the SHA-256 of the whole key
    Import {
        #[arg(long, value_parser = team_id)]
        team: TeamId,
        #[arg(long = "type", value_enum)]
        kind: KindArgument,
        #[arg(long, value_enum, default_value_t = ModeArgument::Live)]
        mode: ModeArgument,
        #[arg(long, value_parser = digest)]
        hash: Digest,
        #[command(flatten)]
        terms: TermsArguments,
    },
    /// List a team's keys
    List {
        #[arg(long, value_parser = team_id)]
        team: TeamId,
    },
    /// Make a key like another, which soon expires
    Rotate {
        #[arg(long, value_parser = team_id)]
        team: TeamId,
        #[arg(long, value_parser = key_id)]
        id: KeyId,
        /// How long the old key goes on working, such as 24h or 7d
        #[arg(long, value_parser = duration, default_value = "24h")]
        grace: SignedDuration,
    },
    /// Revoke a key, at once
    Revoke {
        #[arg(long, value_parser = team_id)]
        team: TeamId,
        #[arg(long, value_parser = key_id)]
        id: KeyId,
    },
    /// Give a key a limit of its own, or, without --limit, the deployment's
    Limit {
        #[arg(long, value_parser = team_id)]
        team: TeamId,
        #[arg(long, value_parser = key_id)]
        id: KeyId,
        #[command(flatten)]
        limit: LimitArguments,
    },
}

#[derive(Subcommand)]
pub enum UserCommand {
    /// Make a user and show the id and the token, once
    Create {
        #[arg(long, value_parser = team_id)]
        team: TeamId,
        #[arg(long, value_parser = name)]
        name: String,
        #[arg(long, value_parser = permission, value_delimiter = ',')]
        permissions: Vec<Permission>,
        #[command(flatten)]
        terms: TermsArguments,
    },
    /// Take in a user whose token was made elsewhere, by the token's SHA-256
    Import {
        #[arg(long, value_parser = team_id)]
        team: TeamId,
        #[arg(long, value_parser = user_id)]
        id: UserId,
        #[arg(long, value_parser = name)]
        name: String,
        #[arg(long, value_parser = permission, value_delimiter = ',')]
        permissions: Vec<Permission>,
        #[arg(long, value_parser = digest)]
        hash: Digest,
        #[command(flatten)]
        terms: TermsArguments,
    },
    /// List a workspace's users
    List {
        #[arg(long, value_parser = team_id)]
        team: TeamId,
    },
    /// Let a user do more
    Grant {
        #[arg(long, value_parser = team_id)]
        team: TeamId,
        #[arg(long, value_parser = user_id)]
        id: UserId,
        #[arg(long, value_parser = permission, value_delimiter = ',', required = true)]
        permissions: Vec<Permission>,
    },
    /// Let a user do less
    Take {
        #[arg(long, value_parser = team_id)]
        team: TeamId,
        #[arg(long, value_parser = user_id)]
        id: UserId,
        #[arg(long, value_parser = permission, value_delimiter = ',', required = true)]
        permissions: Vec<Permission>,
    },
    /// Revoke a user's token, at once
    Revoke {
        #[arg(long, value_parser = team_id)]
        team: TeamId,
        #[arg(long, value_parser = user_id)]
        id: UserId,
    },
}

#[derive(Args)]
pub struct TermsArguments {
    #[command(flatten)]
    pub limit: LimitArguments,
    /// When it stops working: an instant such as 2027-01-01T00:00:00Z, or a time from now such as 90d
    #[arg(long, value_parser = instant)]
    pub expires: Option<Timestamp>,
}

#[derive(Args)]
pub struct LimitArguments {
    /// Calls in one window
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// The window's length in seconds, if not as deployed
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=86_400), requires = "limit")]
    pub window: Option<u32>,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum PlanArgument {
    Premium,
    Community,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum KindArgument {
    Secret,
    Publishable,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum ModeArgument {
    Live,
    Test,
}

impl LimitArguments {
    /// The limit, if one was given.
    pub fn own(&self) -> Option<OwnLimit> {
        self.limit.map(|calls| OwnLimit {
            calls,
            window_seconds: self.window,
        })
    }
}

impl TermsArguments {
    /// What the credential is limited to.
    pub fn terms(&self) -> Terms {
        Terms {
            expires_at: self.expires,
            limit: self.limit.own(),
        }
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

impl From<KindArgument> for CredentialKind {
    fn from(kind: KindArgument) -> CredentialKind {
        match kind {
            KindArgument::Secret => CredentialKind::Secret,
            KindArgument::Publishable => CredentialKind::Publishable,
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

/// The longest name of a team or a user.
const MAX_NAME_CHARS: usize = 200;

/// A name as it can be shown on a terminal.
fn name(text: &str) -> Result<String, String> {
    let shown = !text.trim().is_empty() && !text.chars().any(char::is_control);
    if !shown || text.chars().count() > MAX_NAME_CHARS {
        return Err(format!(
            "a name has 1 to {MAX_NAME_CHARS} characters, not only blanks, and no control characters"
        ));
    }
    Ok(text.to_owned())
}

/// Where a database listens.
fn endpoint(text: &str) -> Result<String, &'static str> {
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

fn team_id(text: &str) -> Result<TeamId, &'static str> {
    TeamId::parse(text).ok_or("a team id is up to 64 letters, digits, _ and -")
}

fn key_id(text: &str) -> Result<KeyId, &'static str> {
    KeyId::parse(text).ok_or(
        "a key id is key_ and 32 hexadecimal digits, as `key list` shows it; it is not the key",
    )
}

fn user_id(text: &str) -> Result<UserId, &'static str> {
    UserId::parse(text).ok_or("a user id is up to 64 letters and digits")
}

fn permission(text: &str) -> Result<Permission, String> {
    let known = || Permission::ALL.map(Permission::as_str).join(", ");
    Permission::parse(text).ok_or_else(|| format!("the permissions are {}", known()))
}

fn digest(text: &str) -> Result<Digest, &'static str> {
    Digest::parse(text).ok_or("a SHA-256 is 64 hexadecimal digits")
}

/// A length of time in seconds, minutes, hours, days or weeks.
fn duration(text: &str) -> Result<SignedDuration, &'static str> {
    const EXPECTED: &str = "a length of time is a number of weeks, days, hours, minutes or seconds, such as 90d or 24h";
    let span: Span = text.parse().map_err(|_| EXPECTED)?;
    let length = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| EXPECTED)?;
    if length.is_negative() {
        Err("a length of time is not negative")
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
                |_| "an instant is written as 2027-01-01T00:00:00Z, a time from now as 90d",
            )?;
            now.checked_add(length).map_err(|error| error.to_string())?
        }
    };
    if instant <= now {
        Err("that instant has passed".to_owned())
    } else {
        Ok(instant)
    }
}
