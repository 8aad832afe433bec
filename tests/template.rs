//! What template.yaml must say, and that the requirements are strict enough:
//! `tests/template/weakenings.txt` lists single edits that make a deployment worse, and each must
//! violate a requirement.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use local::template::document;
use serde_json::Value;

use crate::world::root;

mod requirements;

use requirements::{Deployment, violations};

crate::plain_stories![
    the_template_meets_its_requirements,
    every_weakening_of_the_template_is_noticed,
    the_tables_ttl_attribute_is_the_one_the_store_writes,
    the_metrics_of_alarms_are_those_the_functions_write,
    the_operations_page_lists_every_alarm_and_the_cost,
    deployments_request_no_more_than_they_need,
];

/// With fewer weakenings than this, a kind is hardly covered.
const MIN_WEAKENINGS_OF_A_KIND: usize = 10;

fn the_template_meets_its_requirements() {
    let template = template();
    let violations: BTreeSet<_> = violations(&template).flatten().collect();
    let violations = Vec::from_iter(violations);
    assert!(
        violations.is_empty(),
        "template.yaml, as tests/template/requirements.rs requires it:\n{}",
        violations.join("\n")
    );
}

fn every_weakening_of_the_template_is_noticed() {
    let template = template();
    let table = read("tests/template/weakenings.txt");
    let rows: Vec<_> = table
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(Weakening::parse)
        .collect();
    let names: BTreeSet<_> = rows.iter().map(|row| (row.kind, row.name)).collect();
    assert_eq!(names.len(), rows.len(), "two weakenings have the same name");

    let mut missed = Vec::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &rows {
        let weakened = row.apply(&template);
        let violations = violations(&weakened)
            .find(|violations| !violations.is_empty())
            .unwrap_or_default();
        // A template that cannot be deployed at all is not a weakening.
        let refused = violations
            .iter()
            .find(|line| line.starts_with("template.yaml: "));
        assert_eq!(refused, None, "{row:?}");
        match violations.is_empty() {
            true => missed.push(format!("{}: {}", row.kind, row.name)),
            false => *counts.entry(row.kind).or_default() += 1,
        }
    }
    assert!(
        missed.is_empty(),
        "no requirement is violated by these; add one to tests/template/requirements:\n{}",
        missed.join("\n")
    );
    for (kind, count) in &counts {
        println!("{count:>4} weakenings of {kind} are noticed");
        assert!(
            *count >= MIN_WEAKENINGS_OF_A_KIND,
            "{kind} has only {count} weakenings; add more to tests/template/weakenings.txt"
        );
    }
    println!("{:>4} weakenings in all", rows.len());
}

fn the_tables_ttl_attribute_is_the_one_the_store_writes() {
    let store = fs::read_dir(root().join("shared/src/store")).expect("store/");
    let sources = store.filter_map(|file| fs::read_to_string(file.expect("a file").path()).ok());
    let attribute = local::template::Template::parse(&read("template.yaml"))
        .expect("template.yaml")
        .table
        .time_to_live_attribute
        .expect("TTL is enabled");
    // A member of an item in the store, in seconds.
    let written = format!("    {attribute}: i64,");
    assert!(
        sources.into_iter().any(|source| source.contains(&written)),
        "no item in store/ has the member `{attribute}: i64`"
    );
}

fn the_metrics_of_alarms_are_those_the_functions_write() {
    let deployed = Deployment::new(&template(), BTreeMap::new());
    let deployed = deployed.unwrap_or_else(|error| panic!("{error}"));
    let counted = deployed.each(requirements::alarms::FILTER);
    let counted: BTreeSet<_> = counted
        .map(|(_, filter)| &filter["Properties"]["MetricTransformations"][0]["MetricName"])
        .map(requirements::text)
        .collect();
    let alarms = deployed.each(requirements::alarms::ALARM);
    let watched: BTreeSet<_> = alarms
        .flat_map(|(_, alarm)| requirements::alarms::metrics(&alarm["Properties"]))
        .filter(|(namespace, _)| namespace == requirements::alarms::OURS)
        .map(|(_, metric)| metric)
        .collect();
    let sources = sources(&root().join("shared/src"));
    let missing: Vec<_> = watched
        .difference(&counted)
        .filter(|metric| !sources.contains(&format!("\"{metric}\"")))
        .collect();
    assert!(
        missing.is_empty(),
        "alarms watch {missing:?}, which no filter counts and nothing in shared/ writes"
    );
}

/// The text of every file in a folder and in those below it.
fn sources(folder: &Path) -> String {
    let files = fs::read_dir(folder).expect("a folder");
    let paths = files.map(|file| file.expect("a file").path());
    paths
        .map(|path| match path.is_dir() {
            true => sources(&path),
            false => fs::read_to_string(path).expect("a text"),
        })
        .collect()
}

fn the_operations_page_lists_every_alarm_and_the_cost() {
    let page = read("docs/operations.md");
    let deployed = Deployment::new(&template(), BTreeMap::new());
    let deployed = deployed.unwrap_or_else(|error| panic!("{error}"));
    let alarms: Vec<_> = deployed.each(requirements::alarms::ALARM).collect();
    let mut missing: Vec<_> = alarms
        .iter()
        .map(|(name, _)| format!("| `{name}` | "))
        .filter(|row| !page.contains(&format!("\n{row}")))
        .collect();
    let metrics: usize = alarms
        .iter()
        .map(|(_, alarm)| requirements::alarms::metrics(&alarm["Properties"]).len())
        .sum();
    let cost = format!("{} alarms on {metrics} metrics", alarms.len());
    if !page.contains(&cost) {
        missing.push(cost);
    }
    let missing: Vec<_> = missing
        .iter()
        .map(|text| format!("docs/operations.md: add `{text}`"))
        .collect();
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

fn deployments_request_no_more_than_they_need() {
    let config: toml::Table = read("samconfig.toml").parse().expect("TOML");
    let deploy = &config["default"]["deploy"]["parameters"];
    // No role has a name, and SAM's is the only macro.
    assert_eq!(deploy["capabilities"].as_str(), Some("CAPABILITY_IAM"));
    assert_eq!(deploy["confirm_changeset"].as_bool(), Some(true));
    assert_eq!(deploy.get("disable_rollback"), None);
    let overrides = deploy["parameter_overrides"].as_array().expect("a list");
    for given in overrides {
        let (name, _) = given
            .as_str()
            .expect("text")
            .split_once('=')
            .expect("Name=value");
        assert!(
            !template()["Parameters"][name].is_null(),
            "samconfig.toml sets {name}, which template.yaml does not have"
        );
    }
}

/// A single edit of the template that makes a deployment worse.
#[derive(Debug)]
struct Weakening<'a> {
    kind: &'a str,
    name: &'a str,
    /// A JSON pointer into the template.
    at: &'a str,
    /// The new value; if absent, the member is removed.
    to: Option<Value>,
}

impl<'a> Weakening<'a> {
    fn parse(row: &'a str) -> Self {
        let cells: Vec<_> = row.splitn(4, " | ").collect();
        let &[kind, name, at, to] = cells.as_slice() else {
            panic!("{row} is not: kind | name | pointer | new value or -");
        };
        let to = (to != "-").then(|| serde_json::from_str(to).expect(row));
        Self { kind, name, at, to }
    }

    fn apply(&self, template: &Value) -> Value {
        let mut weakened = template.clone();
        let (parent, member) = self.at.rsplit_once('/').expect("a pointer");
        let member = member.replace("~1", "/");
        let parent = weakened.pointer_mut(parent);
        match (parent, &self.to) {
            (Some(Value::Object(members)), Some(to)) => {
                members.insert(member, to.clone());
            }
            (Some(Value::Object(members)), None) => {
                members.remove(&member);
            }
            (Some(Value::Array(items)), Some(to)) => match member.parse::<usize>() {
                Ok(number) => items[number] = to.clone(),
                Err(_) => items.push(to.clone()),
            },
            (Some(Value::Array(items)), None) => {
                items.remove(member.parse().expect("a number"));
            }
            _ => panic!("{self:?}: template.yaml has nothing at this pointer"),
        }
        assert_ne!(&weakened, template, "{self:?} changes nothing");
        weakened
    }
}

fn template() -> Value {
    document::document(&read("template.yaml")).unwrap_or_else(|error| panic!("{error}"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect(path)
}
