//! Creates and manages teams and credentials, for `cargo admin`, and for `cargo local` and the
//! tests, which need some to begin with.

pub mod cli;
pub mod connection;
pub mod console;
mod rows;
