//! Builds the programs that are measured.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use local::binaries::{self, Profile};
use serde_json::Value;
use shared::api::{self, Endpoint};

/// The bare program that responds with a greeting.
pub const HELLO: &str = "hello";
/// The bare program that calls DynamoDB.
pub const ONE_CALL: &str = "one_call";

/// Prefixes of the variables that `cargo bench` sets for this program. With them, cargo would think
/// that inputs of build scripts have changed.
const CARGO_BENCH_PREFIXES: [&str; 3] = ["CARGO_CRATE_", "CARGO_MANIFEST_", "CARGO_PKG_"];

/// Builds the functions of the chosen endpoints as they are deployed, those that create the
/// fixtures' resources, and the bare programs, with the same profile and the same features of
/// dependencies.
pub fn chosen(root: &Path, chosen: &[&'static Endpoint]) -> BTreeMap<String, PathBuf> {
    let mut built = functions(root, Profile::Release, chosen);
    built.extend(bare(root));
    built
}

/// Builds the functions of the chosen endpoints, and those that create the fixtures' resources.
pub fn functions(
    root: &Path,
    profile: Profile,
    chosen: &[&'static Endpoint],
) -> BTreeMap<String, PathBuf> {
    let creating = [
        &api::POLICY_CREATE,
        &api::RULE_CREATE,
        &api::CALENDAR_CREATE,
        &api::TICKET_CREATE,
        &api::EVENT_CREATE,
        &api::WEBHOOK_CREATE,
    ];
    let creating = creating.map(|endpoint| endpoint.endpoint().name);
    let mut names: Vec<&str> = chosen.iter().map(|endpoint| endpoint.name).collect();
    names.extend(creating);
    // It finds the ids of deliveries.
    names.push(api::DELIVERY_LIST.endpoint().name);
    names.sort_unstable();
    names.dedup();
    binaries::build_only(root, profile, &names).expect("the functions build")
}

fn bare(root: &Path) -> BTreeMap<String, PathBuf> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if CARGO_BENCH_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
        {
            cargo.env_remove(&*name);
        }
    }
    let output = cargo
        .args(["build", "--release", "--package", "shared"])
        .args(["--bench", HELLO, "--bench", ONE_CALL])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(root)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "the bare programs build");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|message| {
            let name = message.pointer("/target/name")?.as_str()?.to_owned();
            let executable = message.get("executable")?.as_str()?;
            Some((name, PathBuf::from(executable)))
        })
        .collect()
}
