//! Settings, as clients see them.

use serde::Serialize;

use crate::domain::plan::Escalation;
use crate::domain::settings::Settings;
use crate::reply::{Answer, Reply};

/// The settings, with their version as the entity tag.
pub fn one(settings: &Settings) -> Answer {
    let view = View {
        warn_at_percent: settings.warn_at_percent.get(),
        on_reopen: settings.on_reopen.as_str(),
        escalations: escalations(&settings.escalations),
    };
    Ok(Reply::ok(&view)?.version(settings.version))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    warn_at_percent: u8,
    on_reopen: &'static str,
    escalations: Vec<EscalationView>,
}

/// An escalation, as clients see it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EscalationView {
    metric: &'static str,
    after_breach_minutes: u32,
}

/// Escalations, as clients see them.
pub(super) fn escalations(escalations: &[Escalation]) -> Vec<EscalationView> {
    let views = escalations.iter().map(|escalation| EscalationView {
        metric: escalation.metric.as_str(),
        after_breach_minutes: escalation.after_breach.get(),
    });
    views.collect()
}
