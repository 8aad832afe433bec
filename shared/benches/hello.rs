//! A minimal function: the baseline to which the figures of our functions are compared.

use std::env;

use lambda_http::{Error, Request, run, service_fn};

fn main() -> Result<(), Error> {
    // `cargo bench` without a name runs this too.
    if env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        return Ok(());
    }
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(run(service_fn(hello)))
}

async fn hello(_: Request) -> Result<&'static str, Error> {
    Ok("hello")
}
