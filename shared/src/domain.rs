//! What Dueline knows about promises, without a clock, a network or a database.

pub mod calendar;
pub mod cycle;
pub mod deadline;
pub mod digest;
pub mod id;
pub mod minutes;
pub mod policy;
pub mod principal;
pub mod priority;
pub mod rule;
pub mod team_calendar;
pub mod text;
pub mod version;
