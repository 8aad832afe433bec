//! Creates and manages teams and credentials, and carries what teams have from one place to another:
//! for `cargo admin`, and for `cargo local` and the tests, which need some to begin with.

#![cfg_attr(
    test,
    expect(
        clippy::expect_used,
        clippy::panic,
        reason = "a test fails by panicking"
    )
)]

pub mod cli;
pub mod connection;
pub mod console;
pub mod import;
mod rows;
