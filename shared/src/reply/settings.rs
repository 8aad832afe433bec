//! Settings, as clients see them.

use serde::Serialize;

use crate::domain::settings::Settings;
use crate::reply::{Answer, Reply};

/// The settings, with their version as the entity tag.
pub fn one(settings: &Settings) -> Answer {
    let view = View {
        warn_at_percent: settings.warn_at_percent.get(),
        on_reopen: settings.on_reopen.as_str(),
    };
    Ok(Reply::ok(&view)?.version(settings.version))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    warn_at_percent: u8,
    on_reopen: &'static str,
}
