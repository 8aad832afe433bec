//! One surface, told in six places: `api::ALL`, `functions/`, its `[[bin]]`s, `template.yaml`,
//! `openapi.json` and the watch router. And what the suite saw, against what is documented.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::{Mutex, OnceLock};

use http::Method;
use jsonschema::Validator;
use libtest_mimic::Trial;
use local::template::Route;
use local::{invariants, table};
use serde_json::{Value, json};
use shared::api::{self, Endpoint};

use crate::actors::Answer;
use crate::log;
use crate::world::{self, root, template};

crate::stories![
    the_surface_is_told_alike_in_every_place,
    the_watch_router_leads_where_the_template_does,
    the_files_for_other_runners_say_what_the_template_says,
    what_is_deployed_answers_a_panic,
    every_error_code_has_a_section_in_the_reference,
];

/// Documented answers that no story provokes. This list may only shrink.
const NEVER_SEEN: &[(&str, &str)] = &[
    // Nothing below these two can fail in a way that a client or the table could bring about.
    ("healthGet", "500"),
    ("openapiGet", "500"),
    ("routeUnknown", "500"),
];

type Seen = BTreeSet<(String, String)>;
static SEEN: Mutex<Seen> = Mutex::new(BTreeSet::new());

async fn the_surface_is_told_alike_in_every_place() {
    let told: BTreeSet<String> = api::ALL
        .iter()
        .map(|endpoint| endpoint.name.to_owned())
        .collect();
    assert_eq!(
        told.len(),
        api::ALL.len(),
        "api::ALL names an endpoint twice"
    );

    let files = fs::read_dir(root().join("functions")).expect("functions/");
    let files = files.map(|file| {
        file.expect("a file")
            .file_name()
            .into_string()
            .expect("UTF-8")
    });
    let files = files
        .filter_map(|name| name.strip_suffix(".rs").map(str::to_owned))
        .collect();
    compare("functions/*.rs", &told, &files);

    let manifest: toml::Table = manifest("functions/Cargo.toml");
    let bins = manifest["bin"].as_array().expect("[[bin]]").iter();
    let bins = bins.inspect(|bin| {
        let name = bin["name"].as_str().expect("a name");
        assert_eq!(bin["path"].as_str(), Some(format!("{name}.rs").as_str()));
        assert_eq!(
            bin["test"].as_bool(),
            Some(false),
            "{name}: its tests are in tests/"
        );
    });
    let bins = bins
        .map(|bin| bin["name"].as_str().expect("a name").to_owned())
        .collect();
    compare("functions/Cargo.toml's [[bin]]", &told, &bins);

    let functions = template().functions;
    compare(
        "template.yaml",
        &told,
        &functions.iter().map(|f| f.binary.clone()).collect(),
    );
    let routes = |endpoint: &Endpoint| match endpoint.is_default() {
        true => vec![Route::Default],
        false => vec![Route::Path {
            method: endpoint.method.to_string(),
            path: endpoint.path.to_owned(),
        }],
    };
    for endpoint in api::ALL {
        let function = functions
            .iter()
            .find(|function| function.binary == endpoint.name);
        let function = function.expect("compared above");
        assert_eq!(
            function.routes,
            routes(endpoint),
            "template.yaml's route of {}",
            endpoint.name
        );
        assert_eq!(
            function.logical_id,
            camel(endpoint.name, true),
            "{}",
            endpoint.name
        );
    }

    let documented = operations().map(|(path, method, operation)| {
        (
            path,
            method,
            operation["operationId"]
                .as_str()
                .expect("an operationId")
                .to_owned(),
        )
    });
    let documented: BTreeSet<_> = documented.collect();
    let served = api::ALL
        .iter()
        .filter(|endpoint| !endpoint.is_default())
        .map(|endpoint| {
            let method = endpoint.method.as_str().to_ascii_lowercase();
            (
                endpoint.path.to_owned(),
                method,
                camel(endpoint.name, false),
            )
        });
    assert_eq!(
        served.collect::<BTreeSet<_>>(),
        documented,
        "api::ALL and openapi.json"
    );
}

async fn the_watch_router_leads_where_the_template_does() {
    const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let watch = &manifest("Cargo.toml")["workspace"]["metadata"]["lambda"]["watch"];
    assert_eq!(watch["env_file"].as_str(), Some("local/watch.env"));
    let mut router = BTreeMap::new();
    for entry in watch["router"].as_array().expect("a router") {
        let path = entry["path"].as_str().expect("a path");
        let function = entry["function"].as_str().expect("a function");
        let methods = entry
            .get("methods")
            .map(|methods| methods.as_array().expect("methods").clone());
        let methods: Vec<String> = match methods {
            Some(methods) => methods
                .iter()
                .map(|m| m.as_str().expect("a method").to_owned())
                .collect(),
            None => vec!["*".to_owned()],
        };
        for method in methods {
            let before = router.insert((path.to_owned(), method), function.to_owned());
            assert_eq!(before, None, "{path} is routed twice");
        }
    }
    let mut wanted = BTreeMap::new();
    for endpoint in api::ALL {
        if endpoint.is_default() {
            for path in ["/", "/{*path}"] {
                wanted.insert((path.to_owned(), "*".to_owned()), endpoint.name.to_owned());
            }
            continue;
        }
        for method in METHODS {
            let unknown = || api::ROUTE_UNKNOWN.endpoint().name.to_owned();
            wanted
                .entry((endpoint.path.to_owned(), method.to_owned()))
                .or_insert_with(unknown);
        }
    }
    for endpoint in api::ALL.iter().filter(|endpoint| !endpoint.is_default()) {
        let route = (endpoint.path.to_owned(), endpoint.method.to_string());
        wanted.insert(route, endpoint.name.to_owned());
    }
    assert_eq!(
        router, wanted,
        "[workspace.metadata.lambda.watch] in Cargo.toml, and api::ALL"
    );
}

async fn the_files_for_other_runners_say_what_the_template_says() {
    let text = fs::read_to_string(root().join("local/watch.env")).expect("local/watch.env");
    let lines = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    let watch: BTreeMap<_, _> = lines
        .map(|line| line.split_once('=').expect("NAME=value"))
        .collect();
    let sam = fs::read_to_string(root().join("local/sam.json")).expect("local/sam.json");
    let sam: Value = serde_json::from_str(&sam).expect("JSON");
    for function in template().functions {
        for (name, value) in &function.environment {
            let told = watch.get(name.as_str());
            assert!(told.is_some(), "local/watch.env lacks {name}");
            if name != "AWS_ENDPOINT_URL_DYNAMODB" {
                assert_eq!(told, Some(&value.as_str()), "{name} in local/watch.env");
            }
        }
        for name in sam["Parameters"].as_object().expect("an object").keys() {
            let known = function.environment.contains_key(name);
            assert!(
                known,
                "local/sam.json sets {name}, which template.yaml does not name"
            );
        }
    }
}

/// `doc_url` leads to `docs/errors.md`, to the section named after the code.
async fn every_error_code_has_a_section_in_the_reference() {
    let mut documented = BTreeSet::new();
    error_codes(openapi(), &mut documented);
    let reference = fs::read_to_string(root().join("docs/errors.md")).expect("docs/errors.md");
    let sections = reference
        .lines()
        .filter_map(|line| line.strip_prefix("## "));
    let sections = sections.map(str::to_owned).collect();
    compare("docs/errors.md", &documented, &sections);
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

/// No story can see it: the suite runs another profile than is deployed, and `cargo lambda build`
/// chooses for those that say nothing.
async fn what_is_deployed_answers_a_panic() {
    let release = &manifest("Cargo.toml")["profile"]["release"];
    assert_eq!(
        release["panic"].as_str(),
        Some("unwind"),
        "serve catches panics"
    );
}

/// Checks an answer that a story was given against openapi.json, and remembers it.
#[track_caller]
pub fn saw(method: &Method, path: &str, answer: &Answer) {
    let bare = path.split('?').next().unwrap_or(path);
    let endpoint = api::ALL
        .iter()
        .find(|e| !e.is_default() && e.takes(bare) && e.method == *method);
    let status = answer.status.to_string();
    let (operation, schema) = match endpoint {
        Some(endpoint) => {
            let path = endpoint.path.replace('~', "~0").replace('/', "~1");
            let method = method.as_str().to_ascii_lowercase();
            (
                camel(endpoint.name, false),
                format!("/paths/{path}/{method}/responses/{status}"),
            )
        }
        None => {
            let livechat = bare == "/api/v1/livechat" || bare.starts_with("/api/v1/livechat/");
            let dialect = if livechat { "livechat" } else { "cstar" };
            (
                "routeUnknown".to_owned(),
                format!("/x-route-unknown/{dialect}/{status}"),
            )
        }
    };
    let seen = (operation.clone(), status.clone());
    SEEN.lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .insert(seen);
    let documented = openapi().pointer(&schema);
    let documented = documented.unwrap_or_else(|| {
        panic!(
            "{operation} does not document {status}: {method} {path} answered {}",
            answer.body
        )
    });
    let (schema, documented) = match documented["$ref"].as_str() {
        Some(reference) => {
            let pointer = reference.trim_start_matches('#');
            (
                pointer.to_owned(),
                openapi().pointer(pointer).expect("a $ref leads somewhere"),
            )
        }
        None => (schema, documented),
    };
    match documented.pointer("/content/application~1json/schema") {
        None => assert_eq!(
            answer.body, "",
            "{operation} documents no body for {status}"
        ),
        Some(_) => {
            let body = answer.json();
            let pointer = format!("{schema}/content/application~1json/schema");
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
        let present = answer.header(&name.to_ascii_lowercase()).is_some();
        assert!(present || !required, "{operation} {status} lacks {name}");
    }
}

/// What only the whole suite can show.
pub fn afterwards() -> Vec<Trial> {
    vec![
        world::story(
            "contract::every_documented_answer_was_seen",
            every_documented_answer_was_seen,
        ),
        world::story(
            "contract::functions_may_do_what_they_did_and_nothing_else",
            functions_may_do_what_they_did_and_nothing_else,
        ),
        world::story("contract::the_table_is_in_order", the_table_is_in_order),
        world::story(
            "log::every_line_is_json_and_tells_no_secret",
            log::every_line_is_json_and_tells_no_secret,
        ),
    ]
}

async fn every_documented_answer_was_seen() {
    let mut documented: Seen = BTreeSet::new();
    for (_, _, operation) in operations() {
        let id = operation["operationId"].as_str().expect("an operationId");
        let statuses = operation["responses"]
            .as_object()
            .expect("responses")
            .keys();
        documented.extend(statuses.map(|status| (id.to_owned(), status.clone())));
    }
    for dialect in ["livechat", "cstar"] {
        let statuses = openapi()["x-route-unknown"][dialect]
            .as_object()
            .expect("answers")
            .keys();
        documented.extend(statuses.map(|status| ("routeUnknown".to_owned(), status.clone())));
    }
    let seen = SEEN.lock().expect("no story panicked here").clone();
    let unseen: Vec<_> = documented.difference(&seen).collect();
    let unseen: BTreeSet<_> = unseen
        .iter()
        .map(|(id, status)| (id.as_str(), status.as_str()))
        .collect();
    assert_eq!(
        unseen,
        BTreeSet::from_iter(NEVER_SEEN.iter().copied()),
        "documented, but never seen"
    );
}

async fn functions_may_do_what_they_did_and_nothing_else() {
    let mut did: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for call in world::stack().wire().expect("a recording stack").calls() {
        did.entry(call.function.clone())
            .or_default()
            .extend(call.iam_actions());
    }
    let mut wrong = Vec::new();
    for function in template().functions {
        let did = did.remove(&function.logical_id).unwrap_or_default();
        let may = &function.dynamodb_actions;
        if did != *may {
            wrong.push(format!(
                "{} did {did:?} and may {may:?}",
                function.logical_id
            ));
        }
    }
    assert!(wrong.is_empty(), "template.yaml: {}", wrong.join("\n"));
}

async fn the_table_is_in_order() {
    let items = table::items(world::stack().dynamodb()).await;
    let items = items.expect("the items");
    assert!(items.len() > 1_000, "the suite writes: {}", items.len());
    let violations = invariants::violations(&items, None);
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

fn compare(place: &str, told: &BTreeSet<String>, there: &BTreeSet<String>) {
    let missing: Vec<_> = told.difference(there).collect();
    let surplus: Vec<_> = there.difference(told).collect();
    assert!(
        missing.is_empty(),
        "{place} lacks {missing:?}, which api::ALL has"
    );
    assert!(
        surplus.is_empty(),
        "api::ALL lacks {surplus:?}, which {place} has"
    );
}

/// `rule-create` as `RuleCreate` or `ruleCreate`.
pub fn camel(name: &str, capital: bool) -> String {
    let mut camel = String::new();
    for (number, word) in name.split('-').enumerate() {
        let (first, rest) = word.split_at(1);
        match number > 0 || capital {
            true => camel.push_str(&first.to_ascii_uppercase()),
            false => camel.push_str(first),
        }
        camel.push_str(rest);
    }
    camel
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
fn validator(pointer: &str) -> std::sync::Arc<Validator> {
    static VALIDATORS: Mutex<BTreeMap<String, std::sync::Arc<Validator>>> =
        Mutex::new(BTreeMap::new());
    let mut validators = VALIDATORS
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
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
        std::sync::Arc::new(jsonschema::draft202012::new(&document).expect("a schema"))
    });
    std::sync::Arc::clone(made)
}
