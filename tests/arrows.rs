//! The dependency rules of the architecture: which modules each module may use.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::world;

crate::stories![
    modules_use_only_their_allowed_dependencies,
    packages_use_only_their_allowed_modules_of_shared,
    only_serve_opens_a_teams_store,
    only_the_store_uses_dynamodb,
    only_the_stores_key_module_spells_keys,
];

/// A module of `shared/src`, and the other modules that it may use.
const ARROWS: &[(&str, &[&str])] = &[
    ("api", &["dialect", "domain"]),
    (
        "auth",
        &[
            "api", "config", "dialect", "domain", "limit", "problem", "store",
        ],
    ),
    ("config", &["domain", "limit"]),
    ("dialect", &["domain", "limit", "problem", "reply"]),
    ("dispatch", &["domain", "problem", "send", "store"]),
    ("domain", &[]),
    ("fields", &["domain", "icalendar", "problem"]),
    ("icalendar", &["domain"]),
    ("idempotency", &["domain", "problem", "reply", "store"]),
    ("jobs", &[]),
    ("limit", &["domain"]),
    ("log", &["config", "domain", "problem", "store"]),
    ("list_query", &["domain", "fields", "problem"]),
    ("problem", &["domain"]),
    ("random", &[]),
    ("reply", &["domain", "problem"]),
    ("send", &["domain"]),
    (
        "serve",
        &[
            "api",
            "auth",
            "config",
            "dialect",
            "dispatch",
            "domain",
            "fields",
            "idempotency",
            "jobs",
            "limit",
            "log",
            "problem",
            "random",
            "reply",
            "store",
        ],
    ),
    (
        "store",
        &[
            "config",
            "domain",
            "limit",
            "list_query",
            "problem",
            "random",
            "reply",
        ],
    ),
];

/// A folder of another package, and the modules of `shared` that it may use.
const PACKAGES: &[(&str, &[&str])] = &[
    (
        "functions",
        &[
            "api",
            "dispatch",
            "domain",
            "fields",
            "icalendar",
            "jobs",
            "list_query",
            "problem",
            "reply",
            "serve",
        ],
    ),
    (
        "admin/src",
        &[
            "auth", "config", "dialect", "domain", "fields", "problem", "store",
        ],
    ),
    // `admin` creates its demo team, and template.yaml says what it serves.
    ("local/src", &["auth", "domain", "store"]),
];

/// What the domain must not mention.
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

async fn modules_use_only_their_allowed_dependencies() {
    let mut wrong = Vec::new();
    let mut modules = BTreeSet::new();
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
        modules.insert(module.to_owned());
        let arrow = ARROWS.iter().find(|(of, _)| *of == module);
        let Some((_, allowed)) = arrow else {
            wrong.push(format!(
                "ARROWS in tests/arrows.rs: add {module} and the modules that it may use"
            ));
            continue;
        };
        for used in text.split("crate::").skip(1) {
            let used: String = used
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '_')
                .collect();
            if used.is_empty() {
                wrong.push(format!("{name}: write one `use crate::…` for each module"));
            } else if used != module && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{name} must not use crate::{used}, by ARROWS"));
            }
        }
        if module == "domain" {
            let known = NOT_IN_DOMAIN.iter().filter(|known| text.contains(**known));
            wrong.extend(known.map(|known| format!("{name} must not mention {known}")));
        }
    }
    let stale = ARROWS.iter().filter(|(of, _)| !modules.contains(*of));
    wrong.extend(stale.map(|(of, _)| {
        format!("ARROWS in tests/arrows.rs: remove {of}, which shared/src does not have")
    }));
    wrong.dedup();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn packages_use_only_their_allowed_modules_of_shared() {
    let mut wrong = Vec::new();
    for (folder, allowed) in PACKAGES {
        for file in sources(&world::root().join(folder)) {
            let (name, text) = (file.display().to_string(), code(&file));
            let used = text.split("shared::").skip(1).flat_map(modules);
            let used = used.filter(|used| !allowed.contains(&used.as_str()));
            wrong.extend(
                used.map(|used| format!("{name} must not use shared::{used}, by PACKAGES")),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The modules at the beginning of a path: one, or those of a list in braces.
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
            wrong.push(format!("{name} must not open a team's store"));
        }
        let makers = ["src/store.rs", "src/store/team.rs", "src/store/transfer.rs"];
        let makes = text.contains("TeamStore::new(");
        if makes && !makers.iter().any(|maker| name.ends_with(maker)) {
            wrong.push(format!("{name} must not make a team's store"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // No other package can: these are not public.
    let store = fs::read_to_string(world::root().join("shared/src/store.rs")).expect("the store");
    assert!(store.contains("pub(crate) fn team<"), "{store}");
    // What operators may do with one is done in there.
    let transfer = code(&world::root().join("shared/src/store/transfer.rs"));
    let public = transfer
        .lines()
        .filter(|line| line.contains("pub ") && line.contains("fn "));
    let returned: Vec<&str> = public.filter(|line| line.contains("TeamStore")).collect();
    assert_eq!(returned, [""; 0], "operators must not get a team's store");
}

async fn only_the_store_uses_dynamodb() {
    let wrong: Vec<_> = sources_without_benches()
        .into_iter()
        .filter(|(name, text)| text.contains("aws_sdk_dynamodb") && !name.contains("/store"))
        .map(|(name, _)| format!("{name} must not use aws_sdk_dynamodb"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn only_the_stores_key_module_spells_keys() {
    const KEY_MODULE: &str = "shared/src/store/key.rs";
    let prefixes = key_prefixes(&code(&world::root().join(KEY_MODULE)));
    assert!(prefixes.len() > 10, "{KEY_MODULE} spells only {prefixes:?}");
    let mut wrong = Vec::new();
    for (name, text) in sources_without_benches() {
        let spelled = prefixes.iter().filter(|prefix| text.contains(*prefix));
        if name != KEY_MODULE {
            wrong.extend(spelled.map(|prefix| format!("{name} must not spell {prefix}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the keys in a source begin with: `TEAM#`.
fn key_prefixes(source: &str) -> BTreeSet<String> {
    let literals = source.split('"').skip(1).step_by(2);
    let prefixes = literals.filter_map(|literal| {
        let (prefix, _) = literal.split_once('#')?;
        let spelled = !prefix.is_empty() && prefix.chars().all(|c| c.is_ascii_uppercase());
        spelled.then(|| format!("{prefix}#"))
    });
    prefixes.collect()
}

/// The name, from the repository's root, and the code of each source that is deployed.
fn sources_without_benches() -> Vec<(String, String)> {
    let folders = ["shared/src", "functions", "admin/src"];
    let files = folders.map(|folder| sources(&world::root().join(folder)));
    let files = files.into_iter().flatten();
    let files = files.filter(|file| !file.components().any(|part| part.as_os_str() == "benches"));
    let named = files.map(|file| {
        let name = file.strip_prefix(world::root()).expect("a source of ours");
        (name.display().to_string(), code(&file))
    });
    named.collect()
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
