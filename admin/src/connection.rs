//! Opens the table to work on, and gives advice if it cannot be used.

use std::error::Error;
use std::fmt;

use jiff::Timestamp;
use shared::config::{Config, TrustStore};
use shared::domain::id::RequestId;
use shared::problem::{Cause, Problem};
use shared::store::credentials::manage::Unreached;
use shared::store::{Store, client};

use crate::console::Failure;
use shared::auth::issue::{IssueError, random};

/// The table of `cargo local`.
const LOCAL_TABLE: &str = "dueline";

const NO_TABLE: &str =
    "For a table on AWS, set it or pass --table. For `cargo local`, pass --local.";

/// Where the table is.
pub enum Place<'a> {
    /// In the database of `cargo local`, at this URL.
    Local(&'a str),
    /// Where the usual AWS variables and files point.
    Aws,
}

/// A table that cannot be used.
#[derive(Debug)]
struct Unusable {
    message: String,
    cause: Cause,
}

/// Opens the table, and checks that it can be used.
pub async fn open(place: Place<'_>, table: Option<&str>) -> Result<Store, Failure> {
    let opened = match place {
        Place::Local(endpoint) => client::connect_to(endpoint, table.unwrap_or(LOCAL_TABLE)),
        Place::Aws => {
            let config = Config::for_table(table.map(str::to_owned));
            let mut config = config.map_err(|error| Failure::with_advice(error, NO_TABLE))?;
            config.trust_store = TrustStore::System;
            client::connect(&config).await.map_err(Failure::new)?
        }
    };
    let store = opened.for_request(&request_id()?);
    match store.reach().await {
        Ok(()) => Ok(store),
        Err(unreached) => Err(unusable(&place, unreached)),
    }
}

/// Opens a table at a local endpoint, without checking that it can be used.
pub fn open_unchecked(endpoint: &str, table: &str) -> Result<Store, IssueError> {
    Ok(client::connect_to(endpoint, table).for_request(&request_id()?))
}

fn request_id() -> Result<RequestId, IssueError> {
    Ok(RequestId::new(Timestamp::now(), &random()?))
}

fn unusable(place: &Place<'_>, unreached: Unreached) -> Failure {
    let responded = !matches!(unreached.problem, Problem::Unavailable(_));
    let message = match (&unreached.endpoint, responded) {
        (Some(endpoint), false) => format!("no database responds at {endpoint}"),
        (Some(endpoint), true) => format!("the database at {endpoint} refuses the table"),
        (None, _) => "no request could be sent to a database".to_owned(),
    };
    let advice = match (place, &unreached.endpoint, responded) {
        (Place::Local(_), _, false) => {
            "Start it with `cargo local`. If it uses another port, pass the URL that it prints with --endpoint."
        }
        (Place::Local(_), _, true) => {
            "Check --endpoint: it must be the DynamoDB that `cargo local` prints. Its table is \"dueline\", unless --table names another."
        }
        (Place::Aws, Some(_), false) => {
            "Check the network, AWS_REGION and, if set, AWS_ENDPOINT_URL_DYNAMODB. For the database of `cargo local`, pass --local."
        }
        (Place::Aws, Some(_), true) => {
            "Check TABLE_NAME or --table, AWS_REGION, and that the credentials permit BatchWriteItem, DeleteItem, GetItem, PutItem, Query and UpdateItem on the table and its index."
        }
        (Place::Aws, None, _) => {
            "Set AWS_REGION and credentials, for example AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. For the database of `cargo local`, pass --local."
        }
    };
    let cause = unreached.problem.into_cause();
    Failure::with_advice(Unusable { message, cause }, advice)
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Unusable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.cause.as_ref())
    }
}
