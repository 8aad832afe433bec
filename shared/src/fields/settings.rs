//! Settings, as clients write them.

use serde_json::{Map, Value, json};

use crate::domain::clock::Metric;
use crate::domain::minutes::Minutes;
use crate::domain::plan::{Escalation, MAX_ESCALATIONS, OnReopen, WarnAtPercent};
use crate::domain::settings::Settings;
use crate::fields::Fields;
use crate::problem::{Problem, Reason, TeamReason};

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
    let escalations = match fields.take("escalations") {
        None => Some(current.escalations.clone()),
        Some(value) => escalations(&mut fields, &value),
    };
    let changed = (|| Some(current.changed(warn_at_percent?, on_reopen?, escalations?)))();
    fields.finish(changed)
}

/// The members of settings, as a client would write them.
pub fn members(settings: &Settings) -> Map<String, Value> {
    let escalations = settings.escalations.iter().map(|escalation| {
        json!({
            "metric": escalation.metric.as_str(),
            "afterBreachMinutes": escalation.after_breach.get(),
        })
    });
    let mut members = Map::new();
    let mut add = |name: &str, value: Value| members.insert(name.to_owned(), value);
    add("warnAtPercent", settings.warn_at_percent.get().into());
    add("onReopen", settings.on_reopen.as_str().into());
    add("escalations", escalations.collect());
    members
}

fn escalations(fields: &mut Fields, value: &Value) -> Option<Vec<Escalation>> {
    let not_escalations = Reason::Team(TeamReason::NotEscalations);
    let Some(list) = value
        .as_array()
        .filter(|list| list.len() <= MAX_ESCALATIONS)
    else {
        return fields.refuse("escalations", not_escalations);
    };
    let mut escalations = Vec::new();
    for (index, value) in list.iter().enumerate() {
        let Some(members) = value.as_object() else {
            return fields.refuse("escalations", not_escalations);
        };
        let mut within = Fields::new(members.clone());
        let metric = within.word("metric", Metric::WORDS, Metric::parse);
        let after_breach = within.minutes("afterBreachMinutes", Minutes::MAX_RULE_TARGET);
        let escalation = metric
            .zip(after_breach)
            .map(|(metric, after_breach)| Escalation {
                metric,
                after_breach,
            });
        let place = format!("escalations[{index}]");
        match within.finish(escalation) {
            Ok(escalation) if escalations.contains(&escalation) => {
                return fields.refuse(place, Reason::Team(TeamReason::Repeated));
            }
            Ok(escalation) => escalations.push(escalation),
            Err(Problem::Invalid(violations)) => {
                fields.refuse_within(&place, violations);
                return None;
            }
            Err(_) => return None,
        }
    }
    Some(escalations)
}
