//! What users of the service rely on, as stories: each calls the real binaries behind the local
//! gateway.
//!
//! Every response is checked against `openapi.json`. When all stories have ended, passed or failed,
//! the whole-suite checks compare what they did with the documentation and the template.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod actors;
mod admission;
mod arrows;
mod calendars;
mod contract;
mod credentials;
mod documents;
mod doors;
mod examples;
mod faults;
mod imports;
mod log;
mod model;
mod notices;
mod operators;
mod policies;
mod previews;
mod receiver;
mod reports;
mod rules;
mod simulation;
mod template;
mod tickets;
mod webhooks;
mod world;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial, run};

/// Lists the stories of a module: each is an `async fn` without arguments.
macro_rules! stories {
    ($($story:ident),* $(,)?) => {
        pub fn stories() -> Vec<libtest_mimic::Trial> {
            vec![$(crate::world::story(concat!(module_path!(), "::", stringify!($story)), $story)),*]
        }
    };
}
pub(crate) use stories;

/// Lists the stories of a module that need no running service: each is a plain `fn`.
macro_rules! plain_stories {
    ($($story:ident),* $(,)?) => {
        pub fn stories() -> Vec<libtest_mimic::Trial> {
            vec![$(crate::world::plain_story(concat!(module_path!(), "::", stringify!($story)), $story)),*]
        }
    };
}
pub(crate) use plain_stories;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let everything = arguments.filter.is_none() && arguments.skip.is_empty() && !arguments.list;
    world::start_service();
    let mut stories: Vec<Trial> = Vec::new();
    stories.extend(admission::stories());
    stories.extend(arrows::stories());
    stories.extend(calendars::stories());
    stories.extend(contract::stories());
    stories.extend(credentials::stories());
    stories.extend(documents::stories());
    stories.extend(doors::stories());
    stories.extend(examples::stories());
    stories.extend(faults::stories());
    stories.extend(imports::stories());
    stories.extend(model::stories());
    stories.extend(notices::stories());
    stories.extend(operators::stories());
    stories.extend(policies::stories());
    stories.extend(previews::stories());
    stories.extend(reports::stories());
    stories.extend(rules::stories());
    stories.extend(simulation::stories());
    stories.extend(template::stories());
    stories.extend(tickets::stories());
    stories.extend(webhooks::stories());
    // A part of the suite does not do everything that they check for.
    if everything {
        stories.extend(contract::whole_suite_checks(stories.len()));
    }
    let conclusion = run(&arguments, stories);
    world::stop_service();
    conclusion.exit_code()
}
