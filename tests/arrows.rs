//! The dependency arrows of the architecture: a module may use only what stands to its right.

use std::fs;
use std::path::{Path, PathBuf};

use crate::world;

crate::stories![
    modules_use_only_what_stands_to_their_right,
    packages_use_only_their_part_of_the_kit,
    only_serve_opens_a_teams_store,
    only_the_store_names_dynamodb_and_only_the_table_of_keys_spells_a_key,
];

/// A module of `shared/src`, and what it may use of its siblings.
const ARROWS: &[(&str, &[&str])] = &[
    ("api", &["dialect", "domain"]),
    (
        "auth",
        &[
            "api", "config", "dialect", "domain", "limit", "problem", "store",
        ],
    ),
    ("config", &["limit"]),
    ("dialect", &["domain", "limit", "problem", "reply"]),
    ("domain", &[]),
    ("fields", &["domain", "icalendar", "problem"]),
    ("icalendar", &["domain"]),
    ("idempotency", &["domain", "problem", "reply", "store"]),
    ("jobs", &[]),
    ("limit", &["domain"]),
    ("log", &["config", "domain", "problem", "store"]),
    ("list_query", &["domain", "problem"]),
    ("problem", &["domain"]),
    ("reply", &["domain", "problem"]),
    (
        "serve",
        &[
            "api",
            "auth",
            "config",
            "dialect",
            "domain",
            "fields",
            "idempotency",
            "jobs",
            "limit",
            "log",
            "problem",
            "reply",
            "store",
        ],
    ),
    ("store", &["config", "domain", "limit", "problem", "reply"]),
];

/// What the other packages may use of `shared`.
const PACKAGES: &[(&str, &[&str])] = &[
    (
        "functions",
        &[
            "api",
            "domain",
            "fields",
            "icalendar",
            "list_query",
            "problem",
            "reply",
            "serve",
        ],
    ),
    (
        "admin/src",
        &["auth", "config", "domain", "problem", "store"],
    ),
    // Its demo team is made by `admin`; what it serves, it reads from template.yaml.
    ("local/src", &["auth", "domain", "store"]),
];

/// What the domain must not know.
const NOT_IN_DOMAIN: &[&str] = &[
    "serde_json",
    "aws_",
    "lambda_",
    "http::",
    "tokio",
    "std::env",
    "std::fs",
    "::now(",
];

async fn modules_use_only_what_stands_to_their_right() {
    let mut wrong = Vec::new();
    for file in sources(&world::root().join("shared/src")) {
        let (name, text) = (file.display().to_string(), code(&file));
        let relative = file
            .strip_prefix(world::root().join("shared/src"))
            .expect("a source of shared");
        let module = relative.components().next().expect("a name").as_os_str();
        let module = module.to_str().expect("UTF-8").trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let (_, allowed) = ARROWS
            .iter()
            .find(|(of, _)| *of == module)
            .unwrap_or_else(|| {
                panic!("{name}: add the module {module} and what it may use to ARROWS")
            });
        for used in text.split("crate::").skip(1) {
            let used: String = used
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '_')
                .collect();
            if used.is_empty() {
                wrong.push(format!("{name}: one `use` of the crate for each module"));
            } else if used != module && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{name} uses {used}"));
            }
        }
        if module == "domain" {
            let known = NOT_IN_DOMAIN.iter().filter(|known| text.contains(**known));
            wrong.extend(known.map(|known| format!("{name} knows {known}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn packages_use_only_their_part_of_the_kit() {
    let mut wrong = Vec::new();
    for (folder, allowed) in PACKAGES {
        for file in sources(&world::root().join(folder)) {
            let (name, text) = (file.display().to_string(), code(&file));
            let used = text.split("shared::").skip(1).flat_map(modules);
            let used = used.filter(|used| !allowed.contains(&used.as_str()));
            wrong.extend(used.map(|used| format!("{name} uses shared::{used}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The modules that a path begins with: one, or those of a list in braces.
fn modules(path: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        let name = text.trim().chars();
        name.take_while(|c| c.is_ascii_lowercase() || *c == '_')
            .collect()
    };
    match path.strip_prefix('{') {
        None => vec![name(path)],
        Some(list) => {
            let list = list.split("};").next().unwrap_or_default();
            let mut depth = 0;
            let first_of_each = list.split(|c| {
                depth += i32::from(c == '{') - i32::from(c == '}');
                c == ',' && depth == 0
            });
            first_of_each
                .map(name)
                .filter(|name| !name.is_empty() && name != "self")
                .collect()
        }
    }
}

async fn only_serve_opens_a_teams_store() {
    let mut wrong = Vec::new();
    for file in sources(&world::root().join("shared/src")) {
        let (name, text) = (file.display().to_string(), code(&file));
        let opens = text.contains(".team(");
        if opens && !name.contains("/src/serve") {
            wrong.push(format!("{name} opens a team's store"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Nobody else can: it is not public.
    let store = fs::read_to_string(world::root().join("shared/src/store.rs")).expect("the store");
    assert!(store.contains("pub(crate) fn team<"), "{store}");
}

async fn only_the_store_names_dynamodb_and_only_the_table_of_keys_spells_a_key() {
    let mut wrong = Vec::new();
    for folder in ["shared/src", "functions", "admin/src"] {
        let files = sources(&world::root().join(folder)).into_iter();
        for file in
            files.filter(|file| !file.components().any(|part| part.as_os_str() == "benches"))
        {
            // Where the repository lies says nothing about what it holds.
            let relative = file.strip_prefix(world::root()).expect("a source of ours");
            let (name, text) = (relative.display().to_string(), code(&file));
            if text.contains("aws_sdk_dynamodb") && !name.contains("/store") {
                wrong.push(format!("{name} names DynamoDB"));
            }
            let spelled = [
                "CALENDAR#",
                "COUNT#",
                "CREDENTIAL#",
                "DEFAULT#",
                "IDEMPOTENCY#",
                "KEY#",
                "SCHEDULE#",
                "POLICY#",
                "RULE#",
                "TEAM#",
                "UNIQUE#",
                "USER#",
            ];
            if spelled.iter().any(|key| text.contains(key)) && !name.ends_with("store/key.rs") {
                wrong.push(format!("{name} spells a key"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let mut found: Vec<_> = folders.iter().flat_map(|folder| sources(folder)).collect();
    found.extend(
        files
            .into_iter()
            .filter(|file| file.extension().is_some_and(|end| end == "rs")),
    );
    found
}

/// A source without its comments and unit tests.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).expect("a source");
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}
