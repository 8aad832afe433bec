//! One surface, written down in six places: `api::ALL` and `jobs::ALL`, `functions/`, its `[[bin]]`s,
//! `template.yaml`, `openapi.json` and the watch router. A place that lacks something fails a story
//! whose message says what to add. The whole suite's responses are compared with the contract too.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use http::Method;
use jsonschema::Validator;
use libtest_mimic::Trial;
use local::stack::Stack;
use local::template::Route;
use local::{invariants, table};
use serde_json::{Value, json};
use shared::api::{self, Endpoint};
use shared::jobs;

use crate::actors::Response;
use crate::log;
use crate::world::{self, root, template};

crate::plain_stories![
    every_function_has_a_source_file,
    every_function_has_a_binary,
    every_function_is_in_the_template,
    every_endpoint_is_documented_in_openapi_json,
    every_endpoint_is_in_the_watch_router,
    the_files_for_other_runners_agree_with_the_template,
    every_error_code_has_a_section_in_the_reference,
    release_builds_unwind_on_panic,
    schemathesis_excuses_only_documented_operations,
];

/// Documented responses that no story provokes. This list may only shrink.
const NEVER_SEEN: &[(&str, &str)] = &[
    // Nothing below these can fail in a way that a client or the table could bring about.
    ("docsFileGet", "500"),
    ("docsGet", "500"),
    ("healthGet", "500"),
    ("openapiGet", "500"),
    ("routeUnknown", "500"),
];

/// Operation ids and statuses.
type Seen = BTreeSet<(String, String)>;
static SEEN: Mutex<Seen> = Mutex::new(BTreeSet::new());

fn every_function_has_a_source_file() {
    let folder = fs::read_dir(root().join("functions")).expect("functions/");
    let files = folder.map(|file| file.expect("a file").file_name());
    let names = files
        .map(|name| name.into_string().expect("UTF-8"))
        .filter_map(|name| name.strip_suffix(".rs").map(str::to_owned));
    compare(
        &function_names(),
        &names.collect(),
        |name| format!("add functions/{name}.rs, or remove {name} from api::ALL or jobs::ALL"),
        |name| {
            format!(
                "shared/src/api.rs or jobs.rs: add {name} to ALL, or remove functions/{name}.rs"
            )
        },
    );
}

fn every_function_has_a_binary() {
    let manifest = manifest("functions/Cargo.toml");
    let bins = manifest["bin"].as_array().expect("[[bin]]").iter();
    // Their tests are in tests/.
    let is_complete = |name: &str, bin: &toml::Value| {
        let path = bin.get("path").and_then(toml::Value::as_str);
        let test = bin.get("test").and_then(toml::Value::as_bool);
        path == Some(&format!("{name}.rs")) && test == Some(false)
    };
    let bins = bins.map(|bin| {
        let name = bin["name"].as_str().expect("a name").to_owned();
        let complete = is_complete(&name, bin);
        (name, complete)
    });
    compare(
        &function_names()
            .into_iter()
            .map(|name| (name, true))
            .collect(),
        &bins.collect(),
        |(name, _)| {
            format!(
                "functions/Cargo.toml: add [[bin]] name = \"{name}\", path = \"{name}.rs\", test = false"
            )
        },
        |(name, complete)| {
            let what = if *complete { "" } else { "incomplete " };
            format!("functions/Cargo.toml: remove the {what}[[bin]] {name}")
        },
    );
}

fn every_function_is_in_the_template() {
    let found = template().functions.into_iter().map(|function| {
        let routes = function.routes.iter().map(route_key);
        let schedules = function.schedules.iter().map(|_| SCHEDULE.to_owned());
        let events: Vec<_> = routes.chain(schedules).collect();
        (function.logical_id, function.binary, events.join(", "))
    });
    let endpoints = api::ALL.iter().map(|endpoint| {
        let event = match endpoint.is_default() {
            true => route_key(&Route::Default),
            false => format!("the route {} {}", endpoint.method, endpoint.path),
        };
        (upper_camel(endpoint.name), endpoint.name.to_owned(), event)
    });
    let jobs = jobs::ALL.iter().map(|job| {
        let event = SCHEDULE.to_owned();
        (upper_camel(job.name), job.name.to_owned(), event)
    });
    let wanted = endpoints.chain(jobs);
    let resource = |(id, binary, event): &(String, String, String)| {
        format!("function {id} with CodeUri target/lambda/{binary} and {event}")
    };
    compare(
        &wanted.collect(),
        &found.collect(),
        |wanted| format!("template.yaml: add the {}", resource(wanted)),
        |found| format!("template.yaml: remove or correct the {}", resource(found)),
    );
}

/// The event of a scheduled function.
const SCHEDULE: &str = "a ScheduleV2 event";

/// A route as API Gateway spells it.
fn route_key(route: &Route) -> String {
    match route {
        Route::Default => "the route $default".to_owned(),
        Route::Path { method, path } => format!("the route {method} {path}"),
    }
}

fn every_endpoint_is_documented_in_openapi_json() {
    let documented = operations().map(|(path, method, operation)| {
        let id = operation["operationId"].as_str().unwrap_or("(none)");
        (path, method, id.to_owned())
    });
    let served = api::ALL.iter().filter(|endpoint| !endpoint.is_default());
    let served = served.map(|endpoint| {
        let method = endpoint.method.as_str().to_ascii_lowercase();
        (endpoint.path.to_owned(), method, lower_camel(endpoint.name))
    });
    let operation = |(path, method, id): &(String, String, String)| {
        format!("`{method}` under `{path}` with the operationId `{id}`")
    };
    compare(
        &served.collect(),
        &documented.collect(),
        |served| format!("openapi.json: add {}", operation(served)),
        |documented| format!("openapi.json: remove {}", operation(documented)),
    );
}

/// A row of the watch router: the methods of a path that one function answers; none means all.
#[derive(PartialEq)]
struct Row {
    path: String,
    function: String,
    methods: BTreeSet<String>,
}

/// The order in which rows list methods.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{ path = {:?}, ", self.path)?;
        if !self.methods.is_empty() {
            let order = |method: &String| METHODS.iter().position(|known| known == method);
            let mut methods = Vec::from_iter(&self.methods);
            methods.sort_by_key(|method| order(method));
            write!(f, "methods = {methods:?}, ")?;
        }
        write!(f, "function = {:?} }},", self.function)
    }
}

fn every_endpoint_is_in_the_watch_router() {
    let watch = &manifest("Cargo.toml")["workspace"]["metadata"]["lambda"]["watch"];
    assert_eq!(watch["env_file"].as_str(), Some("local/watch.env"));
    let (wanted, found) = (wanted_rows(), found_rows(watch));
    let of = |rows: &[Row], row: &Row| {
        let same = |other: &&Row| other.path == row.path && other.function == row.function;
        rows.iter().find(same).map(|row| row.methods.clone())
    };
    let changes = wanted.iter().filter_map(|row| match of(&found, row) {
        None => Some(format!("add {row}")),
        Some(methods) if methods != row.methods => {
            let (path, function) = (&row.path, &row.function);
            Some(format!("change the row of {path} for {function} to {row}"))
        }
        Some(_) => None,
    });
    let surplus = found.iter().filter(|row| of(&wanted, row).is_none());
    let changes = changes.chain(surplus.map(|row| format!("remove {row}")));
    let place = "Cargo.toml, router in [workspace.metadata.lambda.watch]";
    let changes: Vec<_> = changes.map(|change| format!("{place}: {change}")).collect();
    assert!(changes.is_empty(), "{}", changes.join("\n"));
}

/// Each endpoint's row, and for each path a row that gives its other methods to `route-unknown`.
fn wanted_rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let unknown = api::ROUTE_UNKNOWN.endpoint().name;
    let row = |path: &str, function: &str, methods: BTreeSet<String>| Row {
        path: path.to_owned(),
        function: function.to_owned(),
        methods,
    };
    let mut methods_of: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for endpoint in api::ALL.iter().filter(|endpoint| !endpoint.is_default()) {
        let method = endpoint.method.to_string();
        let methods = methods_of.entry(endpoint.path).or_default();
        methods.insert(method.clone());
        rows.push(row(endpoint.path, endpoint.name, BTreeSet::from([method])));
    }
    for (path, methods) in methods_of {
        let all = BTreeSet::from(METHODS.map(str::to_owned));
        rows.push(row(path, unknown, &all - &methods));
    }
    for path in ["/", "/{*path}"] {
        rows.push(row(path, unknown, BTreeSet::new()));
    }
    rows
}

fn found_rows(watch: &toml::Value) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut routed = BTreeSet::new();
    for entry in watch["router"].as_array().expect("a router") {
        let text = |value: &toml::Value| value.as_str().expect("a text").to_owned();
        let (path, function) = (text(&entry["path"]), text(&entry["function"]));
        let methods = entry.get("methods").and_then(toml::Value::as_array);
        let methods: Vec<_> = methods.into_iter().flatten().map(text).collect();
        if methods.is_empty() {
            assert!(
                routed.insert((path.clone(), None)),
                "{path} is routed twice"
            );
        }
        for method in &methods {
            let first = routed.insert((path.clone(), Some(method.clone())));
            assert!(first, "{method} {path} is routed twice");
        }
        let same = |row: &&mut Row| row.path == path && row.function == function;
        match rows.iter_mut().find(same) {
            Some(row) => row.methods.extend(methods),
            None => rows.push(Row {
                path,
                function,
                methods: methods.into_iter().collect(),
            }),
        }
    }
    rows
}

/// What `cargo lambda watch` needs beyond what the template gives a function.
const WATCH_ONLY: [&str; 4] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_REGION",
    "LOOPBACK_WEBHOOKS",
];

fn the_files_for_other_runners_agree_with_the_template() {
    const ENDPOINT: &str = "AWS_ENDPOINT_URL_DYNAMODB";
    let text = fs::read_to_string(root().join("local/watch.env")).expect("local/watch.env");
    let lines = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    let watch: BTreeMap<_, _> = lines
        .map(|line| line.split_once('=').expect("NAME=value"))
        .collect();
    let sam = fs::read_to_string(root().join("local/sam.json")).expect("local/sam.json");
    let sam: Value = serde_json::from_str(&sam).expect("JSON");
    let mut changes = BTreeSet::new();
    let mut known = BTreeSet::from(WATCH_ONLY.map(str::to_owned));
    for function in template().functions {
        for (name, value) in &function.environment {
            known.insert(name.clone());
            match watch.get(name.as_str()) {
                Some(found) if found == value || name == ENDPOINT => {}
                Some(_) => {
                    changes.insert(format!("local/watch.env: change {name} to {value}"));
                }
                None => {
                    changes.insert(format!("local/watch.env: add {name}={value}"));
                }
            }
        }
        for name in sam["Parameters"].as_object().expect("an object").keys() {
            if !function.environment.contains_key(name) {
                changes.insert(format!(
                    "local/sam.json: remove {name}, which template.yaml does not set"
                ));
            }
        }
    }
    let surplus = watch.keys().filter(|name| !known.contains(**name));
    changes.extend(
        surplus.map(|name| {
            format!("local/watch.env: remove {name}, which template.yaml does not set")
        }),
    );
    assert!(changes.is_empty(), "{}", Vec::from_iter(changes).join("\n"));
}

/// `doc_url` leads to `docs/errors.md`, to the section named after the code.
fn every_error_code_has_a_section_in_the_reference() {
    let mut documented = BTreeSet::new();
    error_codes(openapi(), &mut documented);
    let reference = fs::read_to_string(root().join("docs/errors.md")).expect("docs/errors.md");
    let sections = reference
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(str::to_owned);
    compare(
        &documented,
        &sections.collect(),
        |code| format!("docs/errors.md: add the section `## {code}`"),
        |code| {
            format!("docs/errors.md: remove the section `## {code}`: openapi.json has no such code")
        },
    );
}

/// Every value that a schema of an error allows for `code`.
fn error_codes(schema: &Value, codes: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(code) = members.get("properties").and_then(|p| p.get("code")) {
                let one = code["const"].as_str().into_iter();
                let several = code["enum"].as_array().into_iter().flatten();
                codes.extend(
                    one.chain(several.filter_map(Value::as_str))
                        .map(str::to_owned),
                );
            }
            for member in members.values() {
                error_codes(member, codes);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| error_codes(item, codes)),
        _ => {}
    }
}

/// The suite runs another profile than the deployed one, so no story would notice. If the profile
/// does not set it, `cargo lambda build` chooses `abort`.
fn release_builds_unwind_on_panic() {
    let release = &manifest("Cargo.toml")["profile"]["release"];
    assert_eq!(
        release["panic"].as_str(),
        Some("unwind"),
        "serve catches panics"
    );
}

fn schemathesis_excuses_only_documented_operations() {
    const HOOKS: &str = "tests/schemathesis_hooks.py";
    let hooks = fs::read_to_string(root().join(HOOKS)).expect(HOOKS);
    let excused = hooks.lines().filter_map(|line| {
        let (operation, _) = line.strip_prefix("    \"")?.split_once("\": [")?;
        Some(operation.to_owned())
    });
    let excused: BTreeSet<_> = excused.collect();
    assert!(excused.len() > 10, "{HOOKS} excuses only {excused:?}");
    let documented = operations().filter_map(|(_, _, operation)| operation["operationId"].as_str());
    let documented: BTreeSet<_> = documented.map(str::to_owned).collect();
    let stale: Vec<_> = excused.difference(&documented).collect();
    assert!(stale.is_empty(), "{HOOKS}: remove {stale:?} from EXCUSED");
}

/// Checks a response against openapi.json, and records that it was seen.
#[track_caller]
pub fn check_response(method: &Method, path: &str, response: &Response) {
    let bare = path.split('?').next().unwrap_or(path);
    let endpoint = api::ALL
        .iter()
        .find(|e| !e.is_default() && e.takes(bare) && e.method == *method);
    let status = response.status.to_string();
    let (operation, pointer) = match endpoint {
        Some(endpoint) => documented_at(endpoint, &status),
        None => {
            let livechat = bare == "/api/v1/livechat" || bare.starts_with("/api/v1/livechat/");
            let dialect = if livechat { "livechat" } else { "cstar" };
            (
                "routeUnknown".to_owned(),
                format!("/x-route-unknown/{dialect}/{status}"),
            )
        }
    };
    seen().insert((operation.clone(), status.clone()));
    let Some(documented) = openapi().pointer(&pointer) else {
        panic!(
            "openapi.json: add the response {status} to {operation}: {method} {path} got {}",
            response.body
        );
    };
    let (pointer, documented) = match documented["$ref"].as_str() {
        Some(reference) => {
            let pointer = reference.trim_start_matches('#');
            (
                pointer.to_owned(),
                openapi().pointer(pointer).expect("a $ref leads somewhere"),
            )
        }
        None => (pointer, documented),
    };
    match documented["content"].as_object() {
        None => assert_eq!(
            response.body, "",
            "{operation} documents no body for {status}"
        ),
        Some(content) => {
            let declared = response.header("content-type").unwrap_or_default();
            let media_type = declared.split(';').next().unwrap_or_default();
            assert!(
                content.contains_key(media_type),
                "openapi.json: add the content {media_type} to {operation} {status}"
            );
            let body = match media_type {
                "application/json" => response.json(),
                _ => Value::from(response.body.as_str()),
            };
            let media_type = media_type.replace('/', "~1");
            let pointer = format!("{pointer}/content/{media_type}/schema");
            if let Err(error) = validator(&pointer).validate(&body) {
                panic!(
                    "{operation} {status}: {error} at {} of {body}",
                    error.instance_path()
                );
            }
        }
    }
    let headers = documented["headers"].as_object();
    for (name, header) in headers.into_iter().flatten() {
        let header = match header["$ref"].as_str() {
            Some(reference) => openapi()
                .pointer(reference.trim_start_matches('#'))
                .expect("a header"),
            None => header,
        };
        let required = header["required"].as_bool().unwrap_or(false);
        let present = response.header(&name.to_ascii_lowercase()).is_some();
        assert!(present || !required, "{operation} {status} lacks {name}");
    }
}

/// The operation id of an endpoint, and the JSON pointer to one of its responses in openapi.json.
fn documented_at(endpoint: &Endpoint, status: &str) -> (String, String) {
    let path = endpoint.path.replace('~', "~0").replace('/', "~1");
    let method = endpoint.method.as_str().to_ascii_lowercase();
    (
        lower_camel(endpoint.name),
        format!("/paths/{path}/{method}/responses/{status}"),
    )
}

fn seen() -> MutexGuard<'static, Seen> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What only the whole suite can show; for a suite of so many stories.
pub fn whole_suite_checks(stories: usize) -> Vec<Trial> {
    vec![
        world::whole_suite_check(
            "contract::every_documented_response_was_seen",
            stories,
            every_documented_response_was_seen,
        ),
        world::whole_suite_check(
            "contract::functions_have_exactly_the_permissions_they_use",
            stories,
            functions_have_exactly_the_permissions_they_use,
        ),
        world::whole_suite_check(
            "contract::the_table_keeps_its_invariants",
            stories,
            the_table_keeps_its_invariants,
        ),
        world::whole_suite_check(
            "log::every_line_is_json_and_contains_no_secrets",
            stories,
            log::every_line_is_json_and_contains_no_secrets,
        ),
    ]
}

async fn every_documented_response_was_seen() {
    let mut documented: Seen = BTreeSet::new();
    for (path, method, operation) in operations() {
        let id = operation["operationId"].as_str();
        let id =
            id.unwrap_or_else(|| panic!("openapi.json: add an operationId to {method} {path}"));
        let statuses = operation["responses"]
            .as_object()
            .expect("responses")
            .keys();
        documented.extend(statuses.map(|status| (id.to_owned(), status.clone())));
    }
    for dialect in ["livechat", "cstar"] {
        let statuses = openapi()["x-route-unknown"][dialect]
            .as_object()
            .expect("responses")
            .keys();
        documented.extend(statuses.map(|status| ("routeUnknown".to_owned(), status.clone())));
    }
    let excused = NEVER_SEEN.iter();
    let excused = excused.map(|(id, status)| ((*id).to_owned(), (*status).to_owned()));
    let changes = differences(
        &documented.difference(&seen()).cloned().collect(),
        &excused.collect(),
        |(id, status)| format!("add a story that sees the {status} that {id} documents"),
        |(id, status)| format!("remove ({id:?}, {status:?}) from NEVER_SEEN, or document it"),
    );
    assert!(
        changes.is_empty(),
        "{}{}",
        changes.join("\n"),
        world::failed_stories()
    );
}

async fn functions_have_exactly_the_permissions_they_use() {
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let wires = world::stacks().into_iter().filter_map(Stack::wire);
    for call in wires.flat_map(|wire| wire.calls()) {
        used.entry(call.function.clone())
            .or_default()
            .extend(call.iam_actions());
    }
    let mut changes = Vec::new();
    for function in template().functions {
        let used = used.remove(&function.logical_id).unwrap_or_default();
        let (id, allowed) = (&function.logical_id, &function.dynamodb_actions);
        let missing = used.difference(allowed);
        changes.extend(missing.map(|action| format!("{id}: add {action}, which it used")));
        let surplus = allowed.difference(&used);
        changes.extend(surplus.map(|action| format!("{id}: remove {action}, which it never used")));
    }
    assert!(
        changes.is_empty(),
        "Policies in template.yaml:\n{}{}",
        changes.join("\n"),
        world::failed_stories()
    );
}

async fn the_table_keeps_its_invariants() {
    let items = table::items(world::stack().dynamodb()).await;
    let items = items.expect("the items");
    assert!(items.len() > 1_000, "the suite writes: {}", items.len());
    let violations = invariants::violations(&items, None);
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

/// Compares a copy of a list with the list; a failure says what to change, one line for each entry.
#[track_caller]
fn compare<T: Ord>(
    list: &BTreeSet<T>,
    copy: &BTreeSet<T>,
    add: impl Fn(&T) -> String,
    remove: impl Fn(&T) -> String,
) {
    let changes = differences(list, copy, add, remove);
    assert!(changes.is_empty(), "{}", changes.join("\n"));
}

fn differences<T: Ord>(
    list: &BTreeSet<T>,
    copy: &BTreeSet<T>,
    add: impl Fn(&T) -> String,
    remove: impl Fn(&T) -> String,
) -> Vec<String> {
    let missing = list.difference(copy).map(add);
    let surplus = copy.difference(list).map(remove);
    missing.chain(surplus).collect()
}

/// The names in `api::ALL` and `jobs::ALL`.
fn function_names() -> BTreeSet<String> {
    let names = world::function_names();
    let distinct: BTreeSet<_> = names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(
        distinct.len(),
        names.len(),
        "api::ALL and jobs::ALL have a name twice"
    );
    distinct
}

/// `rule-create` as `RuleCreate`, the name of its resource.
pub fn upper_camel(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_ascii_uppercase() + rest
    });
    words.collect()
}

/// `rule-create` as `ruleCreate`, the id of its operation.
pub fn lower_camel(name: &str) -> String {
    let upper = upper_camel(name);
    let (first, rest) = upper.split_at(1);
    first.to_ascii_lowercase() + rest
}

fn manifest(path: &str) -> toml::Table {
    fs::read_to_string(root().join(path))
        .expect("a manifest")
        .parse()
        .expect("TOML")
}

pub fn openapi() -> &'static Value {
    static OPENAPI: OnceLock<Value> = OnceLock::new();
    OPENAPI.get_or_init(|| {
        let text = fs::read_to_string(root().join("functions/openapi.json")).expect("openapi.json");
        serde_json::from_str(&text).expect("JSON")
    })
}

fn operations() -> impl Iterator<Item = (String, String, &'static Value)> {
    const METHODS: [&str; 8] = [
        "get", "put", "post", "delete", "options", "head", "patch", "trace",
    ];
    let paths = openapi()["paths"].as_object().expect("paths");
    paths.iter().flat_map(|(path, item)| {
        let operations = item.as_object().expect("a path item").iter();
        let operations = operations.filter(|(method, _)| METHODS.contains(&method.as_str()));
        operations.map(move |(method, operation)| (path.clone(), method.clone(), operation))
    })
}

/// The validator of a schema in openapi.json.
fn validator(pointer: &str) -> Arc<Validator> {
    static VALIDATORS: Mutex<BTreeMap<String, Arc<Validator>>> = Mutex::new(BTreeMap::new());
    let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    let made = validators.entry(pointer.to_owned()).or_insert_with(|| {
        let mut document = openapi().clone();
        let of = json!(format!(
            "#{}",
            pointer.replace('{', "%7B").replace('}', "%7D")
        ));
        document
            .as_object_mut()
            .expect("an object")
            .insert("$ref".to_owned(), of);
        Arc::new(jsonschema::draft202012::new(&document).expect("a schema"))
    });
    Arc::clone(made)
}
