//! `cargo local`: runs the whole service on this machine, from template.yaml and the real binaries.

mod seed;
mod show;
mod webhook_sink;

use clap::Parser;
use local::{
    binaries::{self, Profile},
    dynamodb::Database,
    error::Error,
    stack::{self, Listeners, Stack, StackOptions},
    template::Template,
};
use seed::Seed;
use std::{
    collections::BTreeMap,
    error::Error as _,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};
use tokio::signal::unix::{SignalKind, signal};
use webhook_sink::WebhookSink;

/// Runs the service on this machine: HTTP API, functions and DynamoDB, without Docker.
///
/// Builds the functions, creates the table of template.yaml, serves its routes on 127.0.0.1, and
/// prints the credentials of a demo team with curl commands to paste. Ctrl-C stops everything.
#[derive(Parser)]
#[command(name = "cargo local", bin_name = "cargo local", version)]
struct Arguments {
    /// Port of the HTTP API
    #[arg(long, default_value_t = 9000)]
    port: u16,

    /// Port of DynamoDB
    #[arg(long, default_value_t = 8000)]
    db_port: u16,

    /// Build the functions in release mode, as they are deployed
    #[arg(long)]
    release: bool,

    /// Keep the data in this directory instead of in memory; each start adds a new demo team
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Maximum number of processes per function
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    concurrency: u16,

    /// Serve only DynamoDB with the table, and print the environment that `cargo lambda watch`
    /// needs
    #[arg(long, conflicts_with_all = ["port", "release", "concurrency", "webhook_sink"])]
    db_only: bool,

    /// Also receive the demo team's webhooks: verify and print each message
    #[arg(long)]
    webhook_sink: bool,

    /// Print one line of JSON to standard output when ready, and everything else to standard error
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Error> {
    let template = Template::read(&stack::workspace().join("template.yaml"))?;
    let runtime = stack::runtime()?;

    if arguments.db_only {
        return runtime.block_on(serve_database(arguments, &template));
    }
    // Bound before the long build, so that a port already in use is reported at once.
    let listeners = Listeners::bind(arguments.port, arguments.db_port)?;
    eprintln!("building the functions");
    let profile = if arguments.release {
        Profile::Release
    } else {
        Profile::Dev
    };
    let binaries = binaries::build(stack::workspace(), profile)?;
    runtime.block_on(serve(arguments, template, binaries, listeners))
}

async fn serve(
    arguments: &Arguments,
    template: Template,
    binaries: BTreeMap<String, PathBuf>,
    listeners: Listeners,
) -> Result<(), Error> {
    let options = StackOptions {
        template,
        binaries,
        concurrency: usize::from(arguments.concurrency),
        gateway_port: arguments.port,
        db_port: arguments.db_port,
        data: arguments.data.clone(),
        environment: Vec::new(),
        record: false,
        run_schedules: true,
        dynamodb_endpoint: None,
    };
    let stack = Stack::start_on(options, listeners).await?;
    let seed = Seed::create(stack.dynamodb()).await?;
    let events = stack.follow();
    let sink = if arguments.webhook_sink {
        Some(WebhookSink::start(&stack.url(), &seed).await?)
    } else {
        None
    };
    let ready = if arguments.json {
        show::ready_json(&stack.url(), stack.dynamodb(), &seed, sink.as_ref())
    } else {
        show::ready(
            &stack.url(),
            stack.dynamodb(),
            &seed,
            arguments.data.as_deref(),
            sink.as_ref(),
        )
    };
    print(&ready);

    tokio::select! {
        () = show::follow(events) => {}
        stopped = stop_requested() => stopped?,
    }
    eprintln!("stopping");
    if let Some(sink) = sink {
        sink.stop().await;
    }
    stack.shutdown().await;
    Ok(())
}

async fn serve_database(arguments: &Arguments, template: &Template) -> Result<(), Error> {
    let database = Database::start(template, arguments.db_port, arguments.data.clone()).await?;
    let endpoint = database.endpoint();
    let seed = Seed::create(&endpoint).await?;
    let ready = if arguments.json {
        show::ready_json("", &endpoint, &seed, None)
    } else {
        show::ready_database(&endpoint, template, &seed)
    };
    print(&ready);
    stop_requested().await?;
    eprintln!("stopping");
    database.shutdown().await;
    Ok(())
}

/// Returns on Ctrl-C or SIGTERM.
async fn stop_requested() -> Result<(), Error> {
    let failed = |source| Error::Io {
        doing: "listen for signals".to_owned(),
        source,
    };
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// Writes to standard output. A reader that has gone is no reason to stop.
fn print(text: &str) {
    let mut out = io::stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}
