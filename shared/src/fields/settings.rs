//! Settings, as clients write them.

use crate::domain::plan::{OnReopen, WarnAtPercent};
use crate::domain::settings::Settings;
use crate::fields::Fields;
use crate::problem::Problem;

const ON_REOPEN: &[&str] = &["continue", "restart", "ignore"];

/// Reads a change: absent members stay as they are.
pub fn change(mut fields: Fields, current: &Settings) -> Result<Settings, Problem> {
    let bounds = (u32::from(WarnAtPercent::MIN), u32::from(WarnAtPercent::MAX));
    let warn_at_percent = match fields.take("warnAtPercent") {
        None => Some(current.warn_at_percent),
        Some(value) => fields.integer("warnAtPercent", &value, bounds, WarnAtPercent::new),
    };
    let on_reopen = if fields.has("onReopen") {
        fields.word("onReopen", ON_REOPEN, OnReopen::parse)
    } else {
        Some(current.on_reopen)
    };
    let changed = warn_at_percent
        .zip(on_reopen)
        .map(|(warn_at_percent, on_reopen)| current.changed(warn_at_percent, on_reopen));
    fields.finish(changed)
}
