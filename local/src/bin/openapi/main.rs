//! `cargo openapi`: assembles `functions/openapi.json` from the files in `functions/openapi/`.
//!
//! `base.json` comes first and sets the order of the top-level members. `errors.json` has the errors
//! of both dialects. Every other file is a resource: its `paths`, and the `components` that belong to
//! it. A new file is found by its name's ending, and may refer to the components of any other.

mod assembly;
mod source;

use assembly::assemble;
use clap::Parser;
use serde_json::Value;
use source::Source;
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

const SOURCES: &str = "functions/openapi";
const DOCUMENT: &str = "functions/openapi.json";
/// The file whose members come first.
const BASE: &str = "base.json";

/// Assembles functions/openapi.json from the files in functions/openapi/.
#[derive(Parser)]
#[command(name = "cargo openapi", bin_name = "cargo openapi", version)]
struct Arguments {
    /// Write nothing, and fail if functions/openapi.json is out of date
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(errors) => {
            for error in errors {
                eprintln!("error: {error}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."));
    let document = assemble(&sources(&root.join(SOURCES))?)?;
    let path = root.join(DOCUMENT);
    let failed = |error: io::Error| vec![format!("{DOCUMENT}: {error}")];
    if !arguments.check {
        return fs::write(path, render(&document)).map_err(failed);
    }
    let committed = fs::read_to_string(path).map_err(failed)?;
    if committed == render(&document) {
        return Ok(());
    }
    let committed = source::parse(&committed).unwrap_or_default();
    let mut errors = assembly::differences(&Value::Object(committed), &document);
    if errors.is_empty() {
        errors.push("only order or layout differs".to_owned());
    }
    errors.insert(0, format!("{DOCUMENT} is out of date; run `cargo openapi`"));
    Err(errors)
}

/// The sources: the base, then the others by name.
fn sources(directory: &Path) -> Result<Vec<Source>, Vec<String>> {
    let paths = files(directory).map_err(|error| vec![format!("{SOURCES}: {error}")])?;
    let (mut sources, mut errors) = (Vec::new(), Vec::new());
    for path in paths {
        let name = path.file_name().unwrap_or_default().display().to_string();
        let content = fs::read_to_string(&path).map_err(|error| error.to_string());
        let content =
            content.and_then(|text| source::parse(&text).map_err(|error| error.to_string()));
        match content {
            Ok(content) => sources.push(Source { name, content }),
            Err(error) => errors.push(format!("{SOURCES}/{name}: {error}")),
        }
    }
    sources.sort_by_key(|source| (source.name != BASE, source.name.clone()));
    if errors.is_empty() {
        Ok(sources)
    } else {
        Err(errors)
    }
}

fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.push(path);
        }
    }
    Ok(files)
}

fn render(document: &Value) -> String {
    format!("{document:#}\n")
}
