//! `cargo admin`: creates, lists, changes and revokes teams and credentials.

use std::env;
use std::io;
use std::process::ExitCode;

use admin::cli;
use admin::console::{Console, Failure};

fn main() -> ExitCode {
    let mut console = Console {
        out: &mut io::stdout(),
        err: &mut io::stderr(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => ExitCode::from(runtime.block_on(cli::run(env::args_os(), &mut console))),
        Err(error) => {
            console.failure(&Failure::new(error));
            ExitCode::FAILURE
        }
    }
}
