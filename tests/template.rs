//! What template.yaml promises, and that each promise would be missed: `tests/template/weakenings.txt`
//! lists single edits that make a deployment worse, and every one of them must break a promise.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use local::template::document;
use serde_json::Value;

use crate::world::root;

mod promises;

use promises::{Deployment, promises};

crate::plain_stories![
    the_template_keeps_its_promises,
    every_weakening_of_the_template_breaks_a_promise,
    the_table_forgets_by_the_attribute_that_the_store_writes,
    operators_find_every_alarm_and_its_cost,
    a_deployment_asks_for_no_more_than_it_needs,
];

/// A kind with fewer weakenings than this is hardly covered.
const MIN_OF_A_KIND: usize = 10;

fn the_template_keeps_its_promises() {
    let template = template();
    let broken: BTreeSet<_> = promises(&template).flatten().collect();
    let broken = Vec::from_iter(broken);
    assert!(broken.is_empty(), "template.yaml:\n{}", broken.join("\n"));
}

fn every_weakening_of_the_template_breaks_a_promise() {
    let template = template();
    let table = read("tests/template/weakenings.txt");
    let rows: Vec<_> = table
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(Weakening::parse)
        .collect();
    let names: BTreeSet<_> = rows.iter().map(|row| (row.kind, row.name)).collect();
    assert_eq!(names.len(), rows.len(), "two weakenings have one name");

    let mut missed = Vec::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &rows {
        let weakened = row.apply(&template);
        let broken = promises(&weakened)
            .find(|broken| !broken.is_empty())
            .unwrap_or_default();
        // What cannot be deployed at all is no weakening.
        let refused = broken
            .iter()
            .find(|line| line.starts_with("template.yaml: "));
        assert_eq!(refused, None, "{row:?}");
        match broken.is_empty() {
            true => missed.push(format!("{}: {}", row.kind, row.name)),
            false => *counts.entry(row.kind).or_default() += 1,
        }
    }
    assert!(
        missed.is_empty(),
        "no promise is broken by:\n{}",
        missed.join("\n")
    );
    for (kind, count) in &counts {
        println!("{count:>4} weakenings of {kind} are caught");
        assert!(
            *count >= MIN_OF_A_KIND,
            "{kind} has only {count} weakenings"
        );
    }
    println!("{:>4} weakenings in all", rows.len());
}

fn the_table_forgets_by_the_attribute_that_the_store_writes() {
    let store = fs::read_dir(root().join("shared/src/store")).expect("store/");
    let sources = store.filter_map(|file| fs::read_to_string(file.expect("a file").path()).ok());
    let attribute = local::template::Template::parse(&read("template.yaml"))
        .expect("template.yaml")
        .table
        .time_to_live_attribute
        .expect("TTL is enabled");
    // A member of an item that the store writes, in seconds.
    let written = format!("    {attribute}: i64,");
    assert!(
        sources.into_iter().any(|source| source.contains(&written)),
        "no item in store/ has the member `{attribute}: i64`"
    );
}

fn operators_find_every_alarm_and_its_cost() {
    let page = read("docs/operations.md");
    let deployed = Deployment::new(&template(), BTreeMap::new()).expect("it expands");
    let alarms: Vec<_> = deployed.each(promises::alarms::ALARM).collect();
    for (name, _) in &alarms {
        let row = format!("\n| `{name}` | ");
        assert!(
            page.contains(&row),
            "docs/operations.md has no row about {name}"
        );
    }
    let metrics: usize = alarms
        .iter()
        .map(|(_, alarm)| promises::alarms::metrics(&alarm["Properties"]).len())
        .sum();
    let stated = format!("{} alarms on {metrics} metrics", alarms.len());
    assert!(
        page.contains(&stated),
        "docs/operations.md does not say: {stated}"
    );
}

fn a_deployment_asks_for_no_more_than_it_needs() {
    let config: toml::Table = read("samconfig.toml").parse().expect("TOML");
    let deploy = &config["default"]["deploy"]["parameters"];
    // No role has a name and no resource is made by a macro other than SAM's own.
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
            "samconfig.toml sets {name}"
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
    /// The new value; without one the member is removed.
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
            _ => panic!("{self:?} leads nowhere"),
        }
        assert_ne!(&weakened, template, "{self:?} changes nothing");
        weakened
    }
}

fn template() -> Value {
    document::document(&read("template.yaml")).expect("template.yaml")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect(path)
}
