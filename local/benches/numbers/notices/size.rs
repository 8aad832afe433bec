//! What the sender of webhooks adds to the functions that contain it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use super::Findings;
use crate::processes::sizes;

/// Functions that send something.
const SENDING: [&str; 3] = ["breach-sweep", "webhook-deliver", "webhook-test"];
/// Functions that do not.
const OTHERS: [&str; 3] = ["event-create", "ticket-get", "webhook-create"];
/// Functions that no other part builds.
pub const ALSO: [&str; 2] = ["webhook-test", "ticket-get"];

/// Texts that only the sender contains: a header that it sends, and what it says of a certificate.
const TRACES: [&str; 2] = ["webhook-signature", "the receiver's certificate"];

/// Compares sizes, and looks for the sender.
pub fn measure(binaries: &BTreeMap<String, PathBuf>) -> Findings {
    let mut missed = Vec::new();
    let mut text = "| binary | size | zip | contains the sender |\n|---|---|---|---|\n".to_owned();
    for name in SENDING.iter().chain(&OTHERS) {
        let binary = binaries.get(*name).expect("it was built");
        let (size, zip) = sizes(binary);
        let bytes = fs::read(binary).expect("the binary can be read");
        let traces = TRACES.map(|trace| contains(&bytes, trace));
        let sends = traces.contains(&true);
        let shown = if sends { "yes" } else { "no" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| `{name}` | {size:.2} MB | {zip:.2} MB | {shown} |");
        if traces != [SENDING.contains(name); TRACES.len()] {
            missed.push(format!("{name} contains the sender: {shown}"));
        }
    }
    Findings { text, missed }
}

fn contains(bytes: &[u8], trace: &str) -> bool {
    bytes
        .windows(trace.len())
        .any(|window| window == trace.as_bytes())
}
