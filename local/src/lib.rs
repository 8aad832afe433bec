//! The cloud on one machine: HTTP API, Lambda and DynamoDB in one process, from template.yaml and
//! the real binaries, without Docker. `cargo local` runs it, and the tests run against it.
//!
//! It differs from the cloud: it has no IAM, throttling or TLS, and does not enforce a container's
//! limits on memory and files. [`wire::Wire`] records calls so that a test can compare them with
//! the policies, and refuses calls that DynamoDB would refuse.

pub mod binaries;
pub mod dynamodb;
pub mod error;
pub mod examples;
mod gateway;
mod http;
mod id;
pub mod invariants;
pub mod invoke_error;
pub mod journal;
mod lock;
mod runtime_api;
mod scheduler;
pub mod stack;
pub mod table;
pub mod template;
pub mod wire;

#[cfg(test)]
mod tests {
    use std::{fs, io, path::Path};

    /// Each module uses only modules that stand before it.
    const LAYERS: [&str; 17] = [
        "error",
        "examples",
        "id",
        "invoke_error",
        "lock",
        "binaries",
        "http",
        "journal",
        "table",
        "invariants",
        "template",
        "dynamodb",
        "wire",
        "runtime_api",
        "gateway",
        "scheduler",
        "stack",
    ];

    #[test]
    fn a_module_uses_only_modules_before_it() -> io::Result<()> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut wrong = Vec::new();
        for line in fs::read_to_string(source.join("lib.rs"))?.lines() {
            let module = line.trim_start_matches("pub ").strip_prefix("mod ");
            if let Some(module) = module.and_then(|module| module.strip_suffix(';'))
                && !LAYERS.contains(&module)
            {
                wrong.push(format!("add {module} to LAYERS"));
            }
        }
        for (place, module) in LAYERS.iter().enumerate() {
            let before = LAYERS.get(..=place).unwrap_or_default();
            let text = fs::read_to_string(source.join(format!("{module}.rs")))?;
            for used in paths_below("crate::", &text) {
                if !before.contains(&used.as_str()) {
                    wrong.push(format!("{module} uses {used}"));
                }
            }
            let folder = source.join(module);
            let parts = if folder.is_dir() {
                fs::read_dir(&folder)?.collect::<Result<Vec<_>, _>>()?
            } else {
                Vec::new()
            };
            for part in parts {
                let name = format!("{module}/{}", part.file_name().display());
                let text = fs::read_to_string(part.path())?;
                for used in paths_below("crate::", &text) {
                    // Its own module declares it, so it is above it.
                    if used == *module || !before.contains(&used.as_str()) {
                        wrong.push(format!("{name} uses {used}"));
                    }
                }
                for used in paths_below("super::", &text) {
                    if !folder.join(format!("{used}.rs")).exists() {
                        wrong.push(format!("{name} uses {used} of the module above it"));
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        Ok(())
    }

    /// The first names of the paths that begin so, outside unit tests: `a` and `b` of
    /// `crate::{a::X, b}`.
    fn paths_below(prefix: &str, text: &str) -> Vec<String> {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let first_name = |path: &str| -> String {
            let path = path.trim_start().chars();
            path.take_while(|c| c.is_ascii_lowercase() || *c == '_')
                .collect()
        };
        let mut names = Vec::new();
        for path in code.split(prefix).skip(1) {
            let Some(list) = path.strip_prefix('{') else {
                names.push(first_name(path));
                continue;
            };
            let list = list.split("};").next().unwrap_or_default();
            let mut depth = 0;
            let paths = list.split(|c| {
                depth += i32::from(c == '{') - i32::from(c == '}');
                c == ',' && depth == 0
            });
            names.extend(paths.map(first_name).filter(|name| !name.is_empty()));
        }
        names
    }
}
