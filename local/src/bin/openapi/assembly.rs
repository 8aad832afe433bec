//! How the sources become one document.

use crate::source::Source;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::slice;

const COMPONENTS: &str = "components";

/// A path's method or a component: what one file may define, by the names on the way to it.
type Place = Vec<String>;

/// How deep below the root the places of a top-level member lie: the members of several files
/// meet in `paths` and in `components`, and any other member is whole in one file.
fn depth(top_level: &str) -> usize {
    match top_level {
        "paths" | COMPONENTS => 2,
        _ => 0,
    }
}

/// Merges the sources in their order.
///
/// # Errors
///
/// All of these: what two files define, a reference to what no file defines, and a component that
/// no path needs.
pub fn assemble(sources: &[Source]) -> Result<Value, Vec<String>> {
    let mut merge = Merge::default();
    let mut document = Map::new();
    for Source {
        name: file,
        content,
    } in sources
    {
        for (name, value) in content {
            merge.put(file, &mut document, &[], (name, value), depth(name));
        }
    }
    let document = Value::Object(document);
    let Merge {
        origins,
        mut errors,
    } = merge;
    errors.extend(dangling(&document, &origins));
    errors.extend(unused(&document, &origins));
    if errors.is_empty() {
        Ok(document)
    } else {
        Err(errors)
    }
}

/// The places at which two documents differ.
pub fn differences(committed: &Value, assembled: &Value) -> Vec<String> {
    let (committed, assembled) = (places(committed), places(assembled));
    let all: BTreeSet<&Place> = committed.keys().chain(assembled.keys()).collect();
    let all = all.into_iter().filter_map(|place| {
        let name = place.join(" ");
        match (committed.get(place), assembled.get(place)) {
            (Some(_), None) => Some(format!("{name} is in no source")),
            (None, Some(_)) => Some(format!("{name} is missing")),
            (old, new) => (old != new).then(|| format!("{name} differs")),
        }
    });
    all.collect()
}

#[derive(Default)]
struct Merge {
    /// Which file defines what.
    origins: BTreeMap<Place, String>,
    errors: Vec<String>,
}

impl Merge {
    /// Puts a member of a file into `target`, which lies at `at`; its own members, if it is to be
    /// shared with other files.
    fn put(
        &mut self,
        file: &str,
        target: &mut Map<String, Value>,
        at: &[String],
        (name, value): (&str, &Value),
        depth: usize,
    ) {
        let place = [at, &[name.to_owned()]].concat();
        if let (1.., Value::Object(members)) = (depth, value) {
            let group = target.entry(name).or_insert_with(|| Map::new().into());
            if let Value::Object(group) = group {
                for (name, value) in members {
                    self.put(file, group, &place, (name, value), depth - 1);
                }
                return;
            }
        }
        if target.contains_key(name) {
            let other = self.origins.get(&place).map_or("another file", |o| o);
            let place = place.join(" ");
            self.errors
                .push(format!("{place} is in {other} and in {file}"));
        } else {
            target.insert(name.to_owned(), value.clone());
            self.origins.insert(place, file.to_owned());
        }
    }
}

/// References to what no file defines.
fn dangling(document: &Value, origins: &BTreeMap<Place, String>) -> Vec<String> {
    let mut errors = Vec::new();
    for (place, file) in origins {
        for reference in references(document, place) {
            let target = reference.strip_prefix('#');
            if target.and_then(|target| document.pointer(target)).is_none() {
                let place = place.join(" ");
                errors.push(format!(
                    "{place} in {file} refers to {reference}, which no file defines"
                ));
            }
        }
    }
    errors
}

/// Components that are not needed, directly or through others, by what is no component.
fn unused(document: &Value, origins: &BTreeMap<Place, String>) -> Vec<String> {
    let is_component = |place: &Place| place.first().is_some_and(|first| first == COMPONENTS);
    let mut needed: BTreeSet<Place> = BTreeSet::new();
    let mut pending: Vec<Place> = origins
        .keys()
        .filter(|p| !is_component(p))
        .cloned()
        .collect();
    while let Some(place) = pending.pop() {
        for reference in references(document, &place) {
            // A reference may lead below a component: the component is needed.
            let names = reference.split('/').skip(1).take(depth(COMPONENTS) + 1);
            let component: Place = names.map(unescaped).collect();
            if is_component(&component) && needed.insert(component.clone()) {
                pending.push(component);
            }
        }
    }
    let unused = origins
        .iter()
        .filter(|(place, _)| is_component(place) && !needed.contains(*place));
    unused
        .map(|(place, file)| format!("{} in {file} is not used", place.join(" ")))
        .collect()
}

/// What the value at a place refers to, as `#/components/…`.
fn references(document: &Value, place: &Place) -> Vec<String> {
    let mut value = Some(document);
    for name in place {
        value = value.and_then(|value| value.get(name));
    }
    let mut found = Vec::new();
    if let Some(value) = value {
        collect_references(value, &mut found);
    }
    found
}

fn collect_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match (name.as_str(), member) {
                    ("$ref", Value::String(reference)) => found.push(reference.clone()),
                    // Security schemes are required by name.
                    ("security", Value::Array(alternatives)) => {
                        let schemes = alternatives.iter().filter_map(Value::as_object);
                        let names = schemes.flat_map(Map::keys);
                        found.extend(
                            names.map(|name| format!("#/components/securitySchemes/{name}")),
                        );
                    }
                    _ => collect_references(member, found),
                }
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| collect_references(item, found)),
        _ => {}
    }
}

/// A name in a JSON pointer (RFC 6901, 4).
fn unescaped(name: &str) -> String {
    name.replace("~1", "/").replace("~0", "~")
}

/// Everything in a document, by its place.
fn places(document: &Value) -> BTreeMap<Place, &Value> {
    fn visit<'a>(
        value: &'a Value,
        at: Place,
        depth: usize,
        places: &mut BTreeMap<Place, &'a Value>,
    ) {
        match value {
            Value::Object(members) if depth > 0 => {
                for (name, value) in members {
                    visit(
                        value,
                        [at.as_slice(), slice::from_ref(name)].concat(),
                        depth - 1,
                        places,
                    );
                }
            }
            _ => {
                places.insert(at, value);
            }
        }
    }
    let mut places = BTreeMap::new();
    for (name, value) in document.as_object().into_iter().flatten() {
        visit(value, vec![name.clone()], depth(name), &mut places);
    }
    places
}

#[cfg(test)]
#[expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
mod tests {
    use super::*;
    use serde_json::json;

    fn assembled(files: &[(&str, Value)]) -> Result<Value, Vec<String>> {
        let source = |(name, content): &(&str, Value)| Source {
            name: (*name).to_owned(),
            content: content.as_object().cloned().unwrap_or_default(),
        };
        assemble(&files.iter().map(source).collect::<Vec<_>>())
    }

    fn base() -> Value {
        json!({
            "openapi": "3.1.0",
            "paths": {},
            "components": {
                "securitySchemes": {"key": {"type": "http"}},
                "schemas": {"Id": {"type": "string"}},
            },
        })
    }

    fn rules() -> Value {
        json!({
            "components": {"schemas": {"Rule": {"items": {"$ref": "#/components/schemas/Id"}}}},
            "x-more": {"a": 1},
            "paths": {"/rules": {
                "get": {"security": [{"key": []}], "schema": {"$ref": "#/components/schemas/Rule/items"}},
            }},
        })
    }

    #[test]
    fn files_meet_in_paths_and_components_in_the_order_of_the_base() {
        let more = json!({"paths": {"/rules": {"post": {}}, "/health": {"get": {}}}});
        let document = assembled(&[("base.json", base()), ("r.json", rules()), ("s.json", more)]);
        let document = document.expect("a document");
        let names = |value: &Value| -> Vec<String> {
            value
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, _)| name.clone())
                .collect()
        };
        assert_eq!(
            names(&document),
            ["openapi", "paths", "components", "x-more"]
        );
        assert_eq!(names(&document["paths"]), ["/rules", "/health"]);
        assert_eq!(names(&document["paths"]["/rules"]), ["get", "post"]);
        assert_eq!(names(&document["components"]["schemas"]), ["Id", "Rule"]);
    }

    #[test]
    fn what_two_files_define_is_reported_with_both() {
        let more = json!({
            "openapi": "3.1.0",
            "paths": {"/rules": {"get": {}, "put": {}}},
            "components": {"schemas": {"Rule": {}}},
        });
        let document = assembled(&[("base.json", base()), ("r.json", rules()), ("s.json", more)]);
        assert_eq!(
            document,
            Err(vec![
                "openapi is in base.json and in s.json".to_owned(),
                "paths /rules get is in r.json and in s.json".to_owned(),
                "components schemas Rule is in r.json and in s.json".to_owned(),
            ])
        );
    }

    #[test]
    fn a_reference_to_nothing_is_reported_with_its_file() {
        let more = json!({"paths": {"/a": {"get": {
            "security": [{"token": []}],
            "schema": {"$ref": "#/components/schemas/Policy"},
            "other": [{"$ref": "elsewhere.json#/components/schemas/Id"}],
        }}}});
        let document = assembled(&[("base.json", base()), ("r.json", rules()), ("s.json", more)]);
        let refers =
            |to: &str| format!("paths /a get in s.json refers to {to}, which no file defines");
        assert_eq!(
            document,
            Err(vec![
                refers("#/components/securitySchemes/token"),
                refers("#/components/schemas/Policy"),
                refers("elsewhere.json#/components/schemas/Id"),
            ])
        );
    }

    #[test]
    fn a_component_that_only_unused_ones_use_is_unused() {
        let more = json!({"components": {"schemas": {
            "Odd": {"$ref": "#/components/schemas/Even"},
            "Even": {"$ref": "#/components/schemas/Odd"},
        }}});
        let document = assembled(&[("base.json", base()), ("r.json", rules()), ("s.json", more)]);
        assert_eq!(
            document,
            Err(vec![
                "components schemas Even in s.json is not used".to_owned(),
                "components schemas Odd in s.json is not used".to_owned(),
            ])
        );
    }

    #[test]
    fn differences_are_named() {
        let new = json!({"openapi": "3.1.0", "paths": {"/a": {"get": 1, "put": 2}}});
        let old = json!({"openapi": "3.1.0", "paths": {"/a": {"get": 2, "post": 3}}});
        assert_eq!(
            differences(&old, &new),
            [
                "paths /a get differs",
                "paths /a post is in no source",
                "paths /a put is missing",
            ]
        );
    }
}
