//! A cStar rule as its clients write it.

use serde_json::{Map, Value};

use crate::domain::minutes::Minutes;
use crate::domain::priority::Priority;
use crate::domain::rule::{Draft, Targets};
use crate::domain::text::RuleName;
use crate::fields::Fields;
use crate::problem::{Allowed, Fault, Problem};

const PRIORITIES: &[&str] = &["low", "normal", "high", "urgent"];

/// Reads a rule. `businessHoursOnly` is false unless given, `enabled` true.
pub fn draft(mut fields: Fields) -> Result<Draft, Problem> {
    let name = fields.text(
        "name",
        (RuleName::MIN_CHARS, RuleName::MAX_CHARS),
        RuleName::new,
    );
    let priority = fields.word("priority", PRIORITIES, Priority::parse);
    let response = fields.minutes("responseTarget", Minutes::RULE_MAX);
    let resolution = fields.minutes("resolutionTarget", Minutes::RULE_MAX);
    let targets = targets(&mut fields, response, resolution);
    let business_hours_only = fields.boolean("businessHoursOnly", false);
    let enabled = fields.boolean("enabled", true);
    let draft = (|| {
        Some(Draft {
            name: name?,
            priority: priority?,
            targets: targets?,
            business_hours_only: business_hours_only?,
            enabled: enabled?,
        })
    })();
    fields.finish(draft)
}

/// Reads a change: members that are absent stay as they were.
pub fn change(fields: Fields, was: &Draft) -> Result<Draft, Problem> {
    draft(fields.over(members(was)?))
}

fn members(draft: &Draft) -> Result<Map<String, Value>, Problem> {
    match serde_json::to_value(draft) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Problem::Internal("a rule is no object".into())),
        Err(error) => Err(Problem::Internal(Box::new(error))),
    }
}

fn targets(
    fields: &mut Fields,
    response: Option<Minutes>,
    resolution: Option<Minutes>,
) -> Option<Targets> {
    let (response, resolution) = (response?, resolution?);
    Targets::new(response, resolution).or_else(|| {
        let allowed = Allowed::AtLeastField {
            field: "responseTarget",
            value: response.get(),
        };
        fields.refuse("resolutionTarget", Fault::Low, allowed)
    })
}
