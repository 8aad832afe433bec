//! Creates and manages teams and credentials, and carries what teams have from one place to another:
//! for `cargo admin`, and for `cargo local` and the tests, which need some to begin with.

pub mod cli;
pub mod connection;
pub mod console;
pub mod import;
mod rows;
