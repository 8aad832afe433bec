//! Builds the functions and finds their executables.

use crate::error::Error;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Prefixes of the variables that `cargo run` sets for the program it runs.
const CARGO_RUN_PREFIXES: [&str; 4] = [
    "CARGO_BIN_",
    "CARGO_CRATE_",
    "CARGO_MANIFEST_",
    "CARGO_PKG_",
];

/// The Cargo profile that the functions are built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// The fast build of development.
    Dev,
    /// The build that is deployed.
    Release,
}

/// A line of cargo's report that may name an executable. All others are ignored.
#[derive(Deserialize)]
struct Message {
    reason: String,
    executable: Option<PathBuf>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// Builds every binary of the package `functions` and returns the executables by binary name.
/// Cargo's own progress goes to standard error.
pub fn build(workspace: &Path, profile: Profile) -> Result<BTreeMap<String, PathBuf>, Error> {
    build_only(workspace, profile, &[])
}

/// Like [`build`], but builds only the named binaries, or all of them if none is named.
pub fn build_only(
    workspace: &Path,
    profile: Profile,
    names: &[&str],
) -> Result<BTreeMap<String, PathBuf>, Error> {
    let targets: Vec<String> = match names {
        [] => vec!["--bins".to_owned()],
        names => names.iter().map(|name| format!("--bin={name}")).collect(),
    };
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args([
            "build",
            "--package",
            "functions",
            "--message-format=json-render-diagnostics",
        ])
        .args(targets)
        // Together with this package, which `cargo run` has just built: alone, the functions would
        // enable fewer features of their dependencies and build them once more.
        .args((profile == Profile::Dev).then_some("--package=local"))
        .current_dir(workspace)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    // With the variables of `cargo run`, cargo would think that inputs of build scripts have
    // changed.
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| {
            CARGO_RUN_PREFIXES
                .iter()
                .any(|prefix| name.starts_with(prefix))
        }) {
            cargo.env_remove(name);
        }
    }
    if profile == Profile::Release {
        cargo.arg("--release");
    }
    let output = cargo
        .output()
        .map_err(|source| Error::io("run cargo", source))?;
    if !output.status.success() {
        return Err(Error::Build {
            status: output.status.to_string(),
        });
    }
    Ok(executables(&String::from_utf8_lossy(&output.stdout)))
}

fn executables(report: &str) -> BTreeMap<String, PathBuf> {
    report
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| message.reason == "compiler-artifact")
        .filter_map(|message| {
            let target = message
                .target
                .filter(|target| target.kind.iter().any(|kind| kind == "bin"))?;
            Some((target.name, message.executable?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_found_in_cargos_report() {
        let report = r#"
{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"shared"},"executable":null}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"rule-list"},"executable":"/t/rule-list"}
{"reason":"build-finished","success":true}
not json"#;
        assert_eq!(
            executables(report),
            BTreeMap::from([("rule-list".to_owned(), PathBuf::from("/t/rule-list"))])
        );
    }
}
