//! The rules of SLAs, without a clock, a network or a database.

pub mod address;
pub mod calendar;
pub mod clock;
pub mod coverage;
pub mod deadline;
pub mod delivery;
pub mod digest;
pub mod forecast;
pub mod id;
pub mod minutes;
pub mod notice;
pub mod plan;
pub mod policy;
pub mod principal;
pub mod priority;
pub mod recalculation;
pub mod report;
pub mod rule;
pub mod settings;
pub mod team_calendar;
pub mod text;
pub mod ticket;
pub mod version;
pub mod webhook;
pub mod webhook_secret;
pub mod webhook_url;
