//! The code that all of Dueline's endpoints share.
//!
//! An endpoint is declared in [`api`] and run by [`serve`]. It reads its input with [`fields`] and
//! [`list_query`], decides with [`domain`], stores the result in [`store`] and replies with
//! [`reply`]. A failure is a [`problem`], which the caller's [`dialect`] puts into words. What other
//! services are told by webhooks, [`send`] sends.

#![cfg_attr(
    test,
    expect(
        clippy::expect_used,
        clippy::indexing_slicing,
        reason = "a test fails by panicking"
    )
)]

pub mod api;
pub mod auth;
pub mod config;
pub mod dialect;
pub mod dispatch;
pub mod domain;
pub mod fields;
pub mod icalendar;
pub mod idempotency;
pub mod jobs;
pub mod limit;
pub mod list_query;
pub mod log;
pub mod problem;
pub mod random;
pub mod reply;
pub mod send;
pub mod serve;
pub mod store;
