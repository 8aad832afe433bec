//! Makes and manages teams and credentials: what `cargo admin` does, and what `cargo local` and
//! the tests begin with.

pub mod cli;
pub mod connection;
pub mod console;
pub mod issue;
mod rows;
