//! The environment, read once at INIT. No other module reads it.

use std::env;
use std::fmt;

use crate::domain::webhook_url::Loopback;
use crate::limit::Allowance;

/// The URL of `docs/errors.md`, unless a deployment sets another.
const ERROR_REFERENCE: &str = "https://github.com/dueline/dueline/blob/main/docs/errors.md";

/// How far ahead a run can look: it ends before what is later.
const MAX_LOOK_AHEAD_SECONDS: u32 = 120;

/// The settings of a deployment, as template.yaml defines them.
#[derive(Clone, Debug)]
pub struct Config {
    /// The name of the table (`TABLE_NAME`).
    pub table: String,
    /// The limit of secret keys that have none of their own (`SECRET_KEY_LIMIT`).
    pub secret_key: Allowance,
    /// The limit of publishable keys that have none of their own (`PUBLISHABLE_KEY_LIMIT`).
    pub publishable_key: Allowance,
    /// The limit of Rocket.Chat users who have none of their own (`USER_TOKEN_LIMIT`).
    pub user_token: Allowance,
    /// The root certificates that connections to DynamoDB trust (`TRUST_STORE`).
    pub trust_store: TrustStore,
    /// The git revision of the build (`REVISION`).
    pub revision: String,
    /// The page that `doc_url` links to for errors that this service documents itself
    /// (`ERROR_REFERENCE_URL`).
    pub error_reference: String,
    /// How far ahead scheduled functions look for what is due (`NOTICE_LOOK_AHEAD_SECONDS`); 0 for
    /// what is past alone.
    pub look_ahead_seconds: u32,
    /// The CloudWatch namespace of the metrics that scheduled functions write (`METRICS_NAMESPACE`);
    /// without it, they write none.
    pub metrics_namespace: Option<String>,
    /// Whether webhooks may have the address 127.0.0.1 (`LOOPBACK_WEBHOOKS`): on a developer's
    /// machine, never in a deployment.
    pub loopback: Loopback,
}

/// The root certificates that connections to DynamoDB trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustStore {
    /// All of Amazon's own root certificates, and no others. Parsing the host's 140 would add
    /// several milliseconds to every cold start.
    Amazon,
    /// The host's root certificates: for endpoints whose certificates do not lead to Amazon's
    /// roots.
    System,
}

/// An environment variable that is missing or has an invalid value.
#[derive(Debug)]
pub struct ConfigError {
    variable: &'static str,
    expected: &'static str,
}

impl Config {
    /// Reads the environment.
    pub fn from_env() -> Result<Config, ConfigError> {
        Config::for_table(None)
    }

    /// Reads the environment; a table's name that is given here takes the place of `TABLE_NAME`.
    pub fn for_table(table: Option<String>) -> Result<Config, ConfigError> {
        let window_seconds = number("RATE_WINDOW_SECONDS", 60)?;
        let allowance = |variable, default| {
            Ok::<_, ConfigError>(Allowance {
                limit: number(variable, default)?,
                window_seconds,
            })
        };
        let trust_store = match env::var("TRUST_STORE").as_deref() {
            Ok("system") => TrustStore::System,
            Ok("amazon") | Err(_) => TrustStore::Amazon,
            Ok(_) => {
                return Err(ConfigError {
                    variable: "TRUST_STORE",
                    expected: "amazon or system",
                });
            }
        };
        Ok(Config {
            table: table
                .or_else(|| env::var("TABLE_NAME").ok())
                .ok_or(ConfigError {
                    variable: "TABLE_NAME",
                    expected: "the name of the DynamoDB table",
                })?,
            secret_key: allowance("SECRET_KEY_LIMIT", 1_000)?,
            publishable_key: allowance("PUBLISHABLE_KEY_LIMIT", 100)?,
            user_token: allowance("USER_TOKEN_LIMIT", 1_000)?,
            trust_store,
            revision: env::var("REVISION").unwrap_or_else(|_| "unknown".to_owned()),
            error_reference: env::var("ERROR_REFERENCE_URL")
                .unwrap_or_else(|_| ERROR_REFERENCE.to_owned()),
            look_ahead_seconds: bounded("NOTICE_LOOK_AHEAD_SECONDS", 120, MAX_LOOK_AHEAD_SECONDS)?,
            metrics_namespace: env::var("METRICS_NAMESPACE").ok(),
            loopback: match env::var("LOOPBACK_WEBHOOKS").as_deref() {
                Ok("allowed") => Loopback::Allowed,
                Err(_) => Loopback::Refused,
                Ok(_) => {
                    return Err(ConfigError {
                        variable: "LOOPBACK_WEBHOOKS",
                        expected: "allowed, or absent",
                    });
                }
            },
        })
    }
}

/// The level of the log: that of Lambda's own log settings, or else `LOG_LEVEL`.
pub fn log_level() -> Option<String> {
    env::var("AWS_LAMBDA_LOG_LEVEL")
        .or_else(|_| env::var("LOG_LEVEL"))
        .ok()
}

fn number(variable: &'static str, default: u32) -> Result<u32, ConfigError> {
    match env::var(variable) {
        Err(_) => Ok(default),
        Ok(text) => match text.parse() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(ConfigError {
                variable,
                expected: "a whole number above zero",
            }),
        },
    }
}

fn bounded(variable: &'static str, default: u32, max: u32) -> Result<u32, ConfigError> {
    match env::var(variable) {
        Err(_) => Ok(default),
        Ok(text) => match text.parse() {
            Ok(number) if number <= max => Ok(number),
            _ => Err(ConfigError {
                variable,
                expected: "a whole number from 0 to 120",
            }),
        },
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "environment variable {} must be {}",
            self.variable, self.expected
        )
    }
}

impl std::error::Error for ConfigError {}
