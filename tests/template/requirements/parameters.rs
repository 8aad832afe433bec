//! What the parameters must say: the default that docs/operations.md states, and bounds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::{Arc, Mutex, OnceLock};

use jsonschema::Validator;
use serde_json::{Value, json};
use shared::serve::schedule::RUN_DEADLINE;

use super::text;
use crate::world::root;

/// The longest value in practice of each parameter that only a pattern limits.
const EXAMPLES: [(&str, &str); 5] = [
    ("Revision", "0123456789abcdef0123456789abcdef01234567"),
    (
        "ErrorReferenceUrl",
        "https://example.com/a/path/of/exactly/eighty/characters/in/all/with/the/host.md",
    ),
    (
        "TableKeyArn",
        "arn:aws:kms:us-east-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef",
    ),
    (
        "ExistingTableArn",
        "arn:aws:dynamodb:us-east-1:123456789012:table/restored-0123456789-0123456789-0123456789-0123456789-0123456789",
    ),
    (
        "AlarmTopicArn",
        "arn:aws:sns:us-east-1:123456789012:operators",
    ),
];

/// Parameters of which zero has a meaning.
const MAY_BE_ZERO: [&str; 2] = ["ErrorRateAlarmPercent", LOOK_AHEAD];

/// How far a run of a scheduled function looks ahead.
pub const LOOK_AHEAD: &str = "NoticeLookAheadSeconds";

/// Values that no pattern may accept.
const NONSENSE: [&str; 4] = [
    "not this",
    "*",
    "http://example.com",
    "https://example.com/a b",
];

/// Every violation of a requirement by a parameter, one line each.
pub fn violations(template: &Value) -> BTreeSet<String> {
    let documented = documented();
    let defaults = defaults(template);
    let mut violations: BTreeSet<String> = documented
        .keys()
        .filter(|name| !defaults.contains_key(*name))
        .map(|name| {
            format!("{name}: the template lacks this parameter; remove it from docs/operations.md")
        })
        .collect();
    for (name, parameter) in each(template) {
        let mut report = |what: String| violations.insert(format!("{name}: {what}"));
        let default = text(&parameter["Default"]);
        if documented.get(&name) != Some(&default) {
            let change = match documented.get(&name) {
                Some(other) => format!("change the default from `{other}`"),
                None => "add a row to the table under Parameters".to_owned(),
            };
            report(format!(
                "the default is `{default}`; in docs/operations.md, {change}"
            ));
        }
        if text(&parameter["Description"]).len() < 20 {
            report("needs a Description that says what it is".to_owned());
        }
        let number = |member: &str| parameter[member].as_f64();
        let listed = parameter["AllowedValues"].as_array();
        match text(&parameter["Type"]).as_str() {
            "Number" => {
                let may_be_zero = MAY_BE_ZERO.contains(&name.as_str());
                let least = if may_be_zero { 0.0 } else { 1.0 };
                let bounded = number("MinValue").is_some_and(|min| min >= least)
                    && number("MaxValue").is_some_and(|max| max <= 1_000_000.0);
                if !bounded && listed.is_none() {
                    report(format!(
                        "needs AllowedValues, or MinValue from {least} and MaxValue"
                    ));
                }
                let ends = RUN_DEADLINE.as_secs_f64();
                if name == LOOK_AHEAD && number("MaxValue").is_none_or(|max| max >= ends) {
                    report(format!("needs a MaxValue below {ends}, when a run ends"));
                }
            }
            "String" if listed.is_some() => {}
            "String" => {
                let pattern = text(&parameter["AllowedPattern"]);
                let validator = validator(&pattern);
                let accepts = |value: &str| validator.is_valid(&json!(value));
                if parameter["AllowedPattern"].is_null() || NONSENSE.into_iter().any(accepts) {
                    report("needs an AllowedPattern that refuses nonsense".to_owned());
                }
                let example = example(template, &name);
                if !accepts(&example) || !accepts(&default) {
                    report(format!("AllowedPattern refuses the default or `{example}`"));
                }
                if number("MaxLength").is_none_or(|max| max > 320.0) {
                    report("needs a MaxLength of at most 320".to_owned());
                }
            }
            other => {
                report(format!("has the type {other}"));
            }
        }
    }
    violations
}

/// The defaults, by name.
pub fn defaults(template: &Value) -> BTreeMap<String, String> {
    each(template)
        .map(|(name, parameter)| (name, text(&parameter["Default"])))
        .collect()
}

/// For each parameter a value that is as long as possible, and is neither its default nor another
/// parameter's value.
pub fn all_different(template: &Value) -> BTreeMap<String, String> {
    let named = each(template).enumerate();
    named
        .map(|(number, (name, parameter))| {
            let example = example(template, &name);
            let value = match parameter["MaxValue"].as_f64() {
                // Subtracting the position makes them distinct and keeps their length.
                Some(max) if max > 100.0 => text(&json!(max as usize - number)),
                _ => example,
            };
            (name, value)
        })
        .collect()
}

fn example(template: &Value, name: &str) -> String {
    let parameter = &template["Parameters"][name];
    let others = parameter["AllowedValues"]
        .as_array()
        .into_iter()
        .flatten()
        .map(text);
    let others = others.filter(|value| *value != text(&parameter["Default"]));
    let longest = others.max_by_key(String::len);
    let known = EXAMPLES.iter().find(|(known, _)| *known == name);
    longest
        .or_else(|| known.map(|(_, example)| (*example).to_owned()))
        .unwrap_or_else(|| text(&parameter["MaxValue"]))
}

fn each(template: &Value) -> impl Iterator<Item = (String, &Value)> {
    let parameters = template["Parameters"].as_object().into_iter().flatten();
    parameters.map(|(name, parameter)| (name.clone(), parameter))
}

/// As in CloudFormation, the whole value must match a pattern.
fn validator(pattern: &str) -> Arc<Validator> {
    static VALIDATORS: Mutex<BTreeMap<String, Arc<Validator>>> = Mutex::new(BTreeMap::new());
    let mut validators = VALIDATORS.lock().expect("no panic here");
    let made = validators.entry(pattern.to_owned()).or_insert_with(|| {
        let schema = json!({ "pattern": format!("^(?:{pattern})$") });
        Arc::new(jsonschema::validator_for(&schema).expect("a pattern"))
    });
    Arc::clone(made)
}

/// The parameters in docs/operations.md and their defaults: rows of `name`, `default`, meaning.
fn documented() -> &'static BTreeMap<String, String> {
    static DOCUMENTED: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    DOCUMENTED.get_or_init(read_documented)
}

fn read_documented() -> BTreeMap<String, String> {
    let page = fs::read_to_string(root().join("docs/operations.md")).expect("docs/operations.md");
    let section = page
        .split("\n## ")
        .find(|section| section.starts_with("Parameters\n"));
    let rows = section
        .unwrap_or_default()
        .lines()
        .filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let mut cells = row
            .split('|')
            .skip(1)
            .map(|cell| cell.trim().trim_matches('`').to_owned());
        let name = cells.next().unwrap_or_default();
        let default = cells.next().unwrap_or_default();
        (
            name,
            if default == "empty" {
                String::new()
            } else {
                default
            },
        )
    })
    .collect()
}
