//! The kit that every Dueline endpoint stands on.
//!
//! An endpoint names itself in [`api`], is run by [`serve`], reads its input with [`fields`]
//! and [`page`], decides with [`domain`], keeps what it decided in [`store`] and tells failures
//! as a [`problem`], which the caller's [`dialect`] puts into words.

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
pub mod domain;
pub mod fields;
pub mod icalendar;
pub mod idempotency;
pub mod limit;
pub mod log;
pub mod page;
pub mod problem;
pub mod reply;
pub mod serve;
pub mod store;
