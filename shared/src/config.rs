//! The environment, read once at INIT. Nobody else reads it.

use std::env;
use std::fmt;

use crate::limit::Allowance;

/// Where `docs/errors.md` can be read, unless a deployment says otherwise.
const ERROR_REFERENCE: &str = "https://github.com/dueline/dueline/blob/main/docs/errors.md";

/// Everything a deployment decides, as template.yaml sets it.
#[derive(Clone, Debug)]
pub struct Config {
    /// The table's name (`TABLE_NAME`).
    pub table: String,
    /// What a secret key is allowed that has no limit of its own (`SECRET_KEY_LIMIT`).
    pub secret_key: Allowance,
    /// What a publishable key is allowed (`PUBLISHABLE_KEY_LIMIT`).
    pub publishable_key: Allowance,
    /// What a Rocket.Chat user is allowed (`USER_TOKEN_LIMIT`).
    pub user_token: Allowance,
    /// Whose word counts on who DynamoDB is (`TRUST_STORE`).
    pub trust_store: TrustStore,
    /// The git revision that was built (`REVISION`).
    pub revision: String,
    /// The reference that `doc_url` leads to for errors of our own (`ERROR_REFERENCE_URL`).
    pub error_reference: String,
}

/// Whose word counts on who DynamoDB is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustStore {
    /// Amazon's own root certificates, all of them, and no others. Parsing the host's 140 costs
    /// several milliseconds of every cold start.
    Amazon,
    /// The host's root certificates: for endpoints that Amazon's roots do not vouch for.
    System,
}

/// A variable that is absent or says what cannot be.
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

    /// Reads the environment, but for the table's name if it is given.
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
        })
    }
}

/// How much is logged (`LOG_LEVEL`, or what Lambda's own log settings say).
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
