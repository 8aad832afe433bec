//! A running stack: gateway, functions and database.

use crate::{
    dynamodb::Database,
    error::Error,
    gateway::Gateway,
    http, id,
    invoke_error::InvokeError,
    journal::{Event, Journal, Line},
    runtime_api::{Pool, process::Runnable},
    scheduler::Scheduler,
    template::{Function, Template},
    wire::Wire,
};
use bytes::Bytes;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    env,
    net::TcpListener,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    runtime::{self, Runtime},
    sync::broadcast::{self, error::RecvError},
    time,
};

/// What to run, and how.
#[derive(Clone, Debug)]
pub struct StackOptions {
    /// The functions, their routes and the table.
    pub template: Template,
    /// The functions' executables by binary name.
    pub binaries: BTreeMap<String, PathBuf>,
    /// The maximum number of processes per function; at least 1.
    pub concurrency: usize,
    /// The port of the HTTP API; 0 for any free port.
    pub gateway_port: u16,
    /// The port of DynamoDB; 0 for any free port.
    pub db_port: u16,
    /// The directory of the database's file; if absent, the data stays in memory.
    pub data: Option<PathBuf>,
    /// Variables of every function, which override all others.
    pub environment: Vec<(String, String)>,
    /// Whether a [`Wire`] records and checks calls to DynamoDB, and can inject faults into them.
    pub record: bool,
    /// Whether scheduled functions run at their times; otherwise only when they are invoked.
    pub run_schedules: bool,
    /// A DynamoDB to use instead of starting one. Its table must exist.
    pub dynamodb_endpoint: Option<String>,
}

/// The ports of a stack, bound before anything else is done.
pub struct Listeners {
    gateway: TcpListener,
    db: Option<TcpListener>,
}

impl Listeners {
    /// Binds both ports on 127.0.0.1, so that a port already in use is reported at once.
    pub fn bind(gateway_port: u16, db_port: u16) -> Result<Self, Error> {
        let gateway = http::bind(gateway_port, "--port")?;
        Ok(Self {
            gateway,
            db: Some(http::bind(db_port, "--db-port")?),
        })
    }
}

/// The workspace that this package was built in, so that a program works from any directory.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

/// A Tokio runtime to start a stack in.
pub fn runtime() -> Result<Runtime, Error> {
    runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::io("start the runtime", source))
}

/// A running stack. Dropping it stops everything; [`Stack::shutdown`] also waits for the end.
pub struct Stack {
    // In the order in which they must stop.
    gateway: Gateway,
    scheduler: Option<Scheduler>,
    pool: Arc<Pool>,
    wire: Option<Wire>,
    database: Option<Database>,
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

    /// Starts a stack on ports that are already bound; those of the options are ignored.
    pub async fn start_on(options: StackOptions, listeners: Listeners) -> Result<Self, Error> {
        let database = match (&options.dynamodb_endpoint, listeners.db) {
            (None, Some(listener)) => Some(Database::start_on(
                listener,
                options.data.as_deref(),
                &options.template.table,
            )?),
            _ => None,
        };
        let endpoint = match (&options.dynamodb_endpoint, &database) {
            (Some(endpoint), _) => endpoint.clone(),
            (None, Some(database)) => database.endpoint(),
            (None, None) => String::new(),
        };
        let wire = if options.record {
            Some(Wire::start(&endpoint, &options.template.table)?)
        } else {
            None
        };
        let endpoint_of_functions = wire
            .as_ref()
            .map_or_else(|| endpoint.clone(), Wire::endpoint);

        let journal = Journal::new();
        let runnables: Result<Vec<_>, _> = options
            .template
            .functions
            .iter()
            .map(|function| runnable(function, &options, &endpoint_of_functions))
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
        let scheduler = options
            .run_schedules
            .then(|| Scheduler::start(&options.template.functions, &pool));
        Ok(Self {
            gateway,
            scheduler,
            pool,
            wire,
            database,
            endpoint,
            journal,
        })
    }

    /// The URL of the HTTP API, such as `http://127.0.0.1:9000`.
    pub fn url(&self) -> String {
        format!("http://{}", self.gateway.address)
    }

    /// The URL of DynamoDB itself, without the wire.
    pub fn dynamodb(&self) -> &str {
        &self.endpoint
    }

    /// The recording proxy, if the options asked for it.
    pub fn wire(&self) -> Option<&Wire> {
        self.wire.as_ref()
    }

    /// Runs an event through a function, without the gateway.
    pub async fn invoke(&self, function: &str, event: Value) -> Result<Value, InvokeError> {
        let response = self.invoke_raw(function, event.to_string().into()).await?;
        serde_json::from_slice(&response).map_err(|_| InvokeError::NotJson)
    }

    /// The same in bytes, for measurements.
    pub async fn invoke_raw(&self, function: &str, event: Bytes) -> Result<Bytes, InvokeError> {
        self.pool.invoke(function, event, id::trace_root()).await
    }

    /// The newest lines that the functions wrote, in order.
    pub fn logs(&self) -> Vec<Line> {
        self.journal.lines()
    }

    /// Waits for a line that is `wanted`, among those already written and those to come.
    ///
    /// A function's lines arrive through a pipe of their own, so a response may arrive before the
    /// line about it: [`Stack::logs`] right after a response may lack the line.
    pub async fn logged(&self, wanted: impl Fn(&Line) -> bool, limit: Duration) -> Option<Line> {
        // Subscribes before it looks at the old lines, so that it misses none in between.
        let mut events = self.journal.follow();
        if let Some(line) = self.journal.lines().into_iter().find(&wanted) {
            return Some(line);
        }
        let written = async {
            loop {
                match events.recv().await {
                    Ok(Event::Line(line)) if wanted(&line) => return Some(line),
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

    /// Follows lines and requests from now on.
    pub fn follow(&self) -> broadcast::Receiver<Event> {
        self.journal.follow()
    }

    /// The running processes of a function, oldest first.
    pub fn processes(&self, function: &str) -> Vec<u32> {
        self.pool.pids(function)
    }

    /// How long each process of a function took from its start to its first `next`, oldest first.
    pub fn starts(&self, function: &str) -> Vec<Duration> {
        self.pool.starts(function)
    }

    /// Kills a function's processes, as the loss of their host would.
    pub fn kill(&self, function: &str) {
        self.pool.kill(function);
    }

    /// Stops everything, and returns once no process is left and the database is closed.
    pub async fn shutdown(self) {
        let Self {
            gateway,
            scheduler,
            pool,
            wire,
            database,
            ..
        } = self;
        drop(gateway);
        drop(scheduler);
        pool.stop().await;
        drop(wire);
        if let Some(database) = database {
            database.shutdown().await;
        }
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
            // The wire identifies the caller by the key id in the signature.
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
            // Receivers may be on this machine.
            ("LOOPBACK_WEBHOOKS", "allowed"),
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
