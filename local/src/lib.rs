//! This machine as the cloud: HTTP API, Lambda and DynamoDB in one process, from template.yaml
//! and the real binaries, without Docker. `cargo local` runs it, and the tests run against it.
//!
//! Not the cloud: no IAM, no throttling, no TLS, and a container's limits on memory and files are
//! not enforced. [`Wire`] records calls so that a test can compare them with the policies.

pub mod binaries;
mod dynamodb;
pub mod error;
pub mod examples;
mod gateway;
mod http;
mod id;
pub mod invariants;
pub mod invoke_error;
pub mod journal;
pub mod random;
mod runtime_api;
pub mod table;
pub mod template;
pub mod wire;

use bytes::Bytes;
use dynamodb::Embedded;
use error::Error;
use gateway::Gateway;
use invoke_error::InvokeError;
use journal::{Happening, Journal, Line};
use runtime_api::{Pool, Runnable};
use serde_json::Value;
use std::{collections::BTreeMap, env, net::TcpListener, path::PathBuf, sync::Arc, time::Duration};
use template::{Function, Template};
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time,
};
use wire::Wire;

/// What to run, and how.
#[derive(Clone, Debug)]
pub struct StackOptions {
    /// Which functions, routes and table.
    pub template: Template,
    /// The functions' executables by binary name.
    pub binaries: BTreeMap<String, PathBuf>,
    /// The most processes per function; at least 1.
    pub concurrency: usize,
    /// 0 takes any free port.
    pub gateway_port: u16,
    /// 0 takes any free port.
    pub db_port: u16,
    /// Where the database keeps its file; in memory when absent.
    pub data: Option<PathBuf>,
    /// Set for every function, over all other variables.
    pub environment: Vec<(String, String)>,
    /// Whether calls to DynamoDB can be seen and broken by a [`Wire`].
    pub record: bool,
    /// Use this DynamoDB, whose table exists, and start none.
    pub dynamodb_endpoint: Option<String>,
}

/// The ports of a stack, taken before anything else is done.
pub struct Listeners {
    gateway: TcpListener,
    db: Option<TcpListener>,
}

impl Listeners {
    /// Takes both ports on 127.0.0.1, so that a taken one is known at once.
    pub fn bind(gateway_port: u16, db_port: u16) -> Result<Self, Error> {
        let gateway = http::bind(gateway_port, "--port")?;
        Ok(Self {
            gateway,
            db: Some(http::bind(db_port, "--db-port")?),
        })
    }
}

/// A running stack. Dropping it stops everything; [`Stack::shutdown`] also waits for it.
pub struct Stack {
    // In the order in which they are to stop.
    gateway: Gateway,
    pool: Arc<Pool>,
    wire: Option<Wire>,
    database: Option<Embedded>,
    endpoint: String,
    journal: Journal,
}

impl Stack {
    /// Starts a stack on the ports of the options. Must be called within a Tokio runtime.
    pub async fn start(options: StackOptions) -> Result<Self, Error> {
        let gateway = http::bind(options.gateway_port, "--port")?;
        let db = match options.dynamodb_endpoint {
            Some(_) => None,
            None => Some(http::bind(options.db_port, "--db-port")?),
        };
        Self::start_on(options, Listeners { gateway, db }).await
    }

    /// Starts a stack on ports that were taken before; those of the options are ignored.
    pub async fn start_on(options: StackOptions, listeners: Listeners) -> Result<Self, Error> {
        let database = match (&options.dynamodb_endpoint, listeners.db) {
            (None, Some(listener)) => Some(Embedded::start(
                listener,
                options.data.as_deref(),
                &options.template.table,
            )?),
            _ => None,
        };
        let endpoint = match (&options.dynamodb_endpoint, &database) {
            (Some(endpoint), _) => endpoint.clone(),
            (None, Some(database)) => format!("http://{}", database.address),
            (None, None) => String::new(),
        };
        let wire = if options.record {
            Some(Wire::start(&endpoint)?)
        } else {
            None
        };
        let of_functions = wire
            .as_ref()
            .map_or_else(|| endpoint.clone(), Wire::endpoint);

        let journal = Journal::new();
        let runnables: Result<Vec<_>, _> = options
            .template
            .functions
            .iter()
            .map(|function| runnable(function, &options, &of_functions))
            .collect();
        let pool = Arc::new(Pool::start(
            runnables?,
            options.concurrency,
            journal.clone(),
        )?);
        let gateway = Gateway::start(
            listeners.gateway,
            &options.template.functions,
            Arc::clone(&pool),
            journal.clone(),
        )?;
        Ok(Self {
            gateway,
            pool,
            wire,
            database,
            endpoint,
            journal,
        })
    }

    /// Where the routes are served, such as `http://127.0.0.1:9000`.
    pub fn url(&self) -> String {
        format!("http://{}", self.gateway.address)
    }

    /// Where DynamoDB is served, past the wire.
    pub fn dynamodb(&self) -> &str {
        &self.endpoint
    }

    /// The recording proxy, if the options asked for it.
    pub fn wire(&self) -> Option<&Wire> {
        self.wire.as_ref()
    }

    /// Runs an event through a function, past the gateway.
    pub async fn invoke(&self, function: &str, event: Value) -> Result<Value, InvokeError> {
        let answer = self
            .pool
            .invoke(function, event.to_string().into(), id::trace_root())
            .await?;
        serde_json::from_slice(&answer).map_err(|_| InvokeError::NotJson)
    }

    /// Runs an event's bytes through a function and returns its answer's, for measurements.
    pub async fn invoke_raw(&self, function: &str, event: Bytes) -> Result<Bytes, InvokeError> {
        self.pool.invoke(function, event, id::trace_root()).await
    }

    /// The newest lines the functions wrote, in order.
    pub fn logs(&self) -> Vec<Line> {
        self.journal.lines()
    }

    /// Waits for a line that is `wanted`, among those written already and those to come.
    ///
    /// A function's lines come through a pipe of their own, so an answer may be here before the
    /// line that was written about it; [`Stack::logs`] right after an answer may lack it.
    pub async fn logged(&self, wanted: impl Fn(&Line) -> bool, limit: Duration) -> Option<Line> {
        // Subscribed before the old lines are looked at, so that none falls between.
        let mut happenings = self.journal.follow();
        if let Some(line) = self.journal.lines().into_iter().find(&wanted) {
            return Some(line);
        }
        let written = async {
            loop {
                match happenings.recv().await {
                    Ok(Happening::Line(line)) if wanted(&line) => return Some(line),
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => {
                        if let Some(line) = self.journal.lines().into_iter().find(&wanted) {
                            return Some(line);
                        }
                    }
                    Err(RecvError::Closed) => return None,
                }
            }
        };
        time::timeout(limit, written).await.ok().flatten()
    }

    /// Lines and requests from now on.
    pub fn follow(&self) -> broadcast::Receiver<Happening> {
        self.journal.follow()
    }

    /// The processes of a function that run now, oldest first.
    pub fn processes(&self, function: &str) -> Vec<u32> {
        self.pool.pids(function)
    }

    /// How long each process of a function took from its start to its first `next`, oldest first.
    pub fn starts(&self, function: &str) -> Vec<Duration> {
        self.pool.starts(function)
    }

    /// Kills a function's processes, as a host that is lost would.
    pub fn kill(&self, function: &str) {
        self.pool.kill(function);
    }

    /// Stops everything, and returns when no process is left and the database is closed.
    pub async fn shutdown(self) {
        let Self {
            gateway,
            pool,
            wire,
            database,
            ..
        } = self;
        drop(gateway);
        pool.stop().await;
        drop(wire);
        if let Some(database) = database {
            database.stop().await;
        }
    }
}

/// A served database with the template's table, for those who run the functions elsewhere.
pub struct Database {
    embedded: Embedded,
}

impl Database {
    /// Starts the database only. Must be called within a Tokio runtime.
    pub async fn start(
        template: &Template,
        db_port: u16,
        data: Option<PathBuf>,
    ) -> Result<Self, Error> {
        let listener = http::bind(db_port, "--db-port")?;
        Ok(Self {
            embedded: Embedded::start(listener, data.as_deref(), &template.table)?,
        })
    }

    /// Where it is served, such as `http://127.0.0.1:8000`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.embedded.address)
    }

    /// Stops it, and returns when it is closed.
    pub async fn shutdown(self) {
        self.embedded.stop().await;
    }
}

/// A function's whole environment, as Lambda sets it.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>
fn runnable(
    function: &Function,
    options: &StackOptions,
    endpoint: &str,
) -> Result<Runnable, Error> {
    let binary = options
        .binaries
        .get(&function.binary)
        .cloned()
        .ok_or_else(|| Error::BinaryMissing {
            function: function.logical_id.clone(),
            binary: function.binary.clone(),
        })?;
    let id = function.logical_id.as_str();
    let task_root = binary
        .parent()
        .map(|parent| parent.display().to_string())
        .unwrap_or_default();
    let mut environment: BTreeMap<String, String> = ["PATH", "HOME"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), env::var(name).ok()?)))
        .collect();
    environment.extend(function.environment.clone());
    environment.extend(
        [
            ("_HANDLER", "bootstrap"),
            // The signature's key id tells the wire who calls.
            ("AWS_ACCESS_KEY_ID", id),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_ENDPOINT_URL_DYNAMODB", endpoint),
            ("AWS_LAMBDA_FUNCTION_NAME", id),
            (
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
                &function.memory_mib.to_string(),
            ),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", &format!("/aws/lambda/{id}")),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "local"),
            ("LAMBDA_TASK_ROOT", &task_root),
            ("TZ", ":UTC"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    environment.extend(options.environment.iter().cloned());
    Ok(Runnable {
        function: function.clone(),
        binary,
        environment: environment.into_iter().collect(),
    })
}
