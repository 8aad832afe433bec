//! Serves the contract, OpenAPI 3.1: the committed file without its blanks, compressed with gzip for
//! those who accept that.
//!
//! All of it is made at INIT. A request copies a text that the gateway takes as it is.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use shared::api;
use shared::domain::digest::Digest;
use shared::problem::Problem;
use shared::reply::{Answer, Reply};
use shared::serve::call::PublicCall;
use shared::serve::serve;

const OPENAPI: &str = include_str!("openapi.json");

/// Five minutes: the contract changes with a deployment, and clients may see it that much later.
const CACHE_CONTROL: &str = "public, max-age=300";

/// Digits of the entity tag: enough to tell two contracts apart.
const TAG_DIGITS: usize = 16;

static CONTRACT: LazyLock<std::io::Result<Contract>> = LazyLock::new(|| Contract::new(OPENAPI));

/// The contract as it goes out: both forms in base64.
struct Contract {
    plain: String,
    gzipped: String,
    tag: String,
}

fn main() -> ExitCode {
    LazyLock::force(&CONTRACT);
    serve(&api::OPENAPI_GET, openapi)
}

async fn openapi(call: PublicCall) -> Answer {
    let contract = CONTRACT
        .as_ref()
        .map_err(|error| Problem::Internal(error.to_string().into()))?;
    let reply = if call.accepts_gzip() {
        Reply::base64(contract.gzipped.clone()).header("content-encoding", "gzip")
    } else {
        Reply::base64(contract.plain.clone())
    };
    let reply = reply
        .versions(&contract.tag)
        .header("cache-control", CACHE_CONTROL)
        .header("vary", "accept-encoding");
    Ok(reply.unless_cached(call.if_none_match()))
}

impl Contract {
    fn new(document: &str) -> std::io::Result<Contract> {
        let document = without_blanks(document);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(document.as_bytes())?;
        Ok(Contract {
            tag: Digest::of(&document)
                .as_str()
                .chars()
                .take(TAG_DIGITS)
                .collect(),
            gzipped: STANDARD.encode(gzip.finish()?),
            plain: STANDARD.encode(document),
        })
    }
}

/// The same JSON without the blanks outside its strings.
fn without_blanks(json: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    let keep = |c: &char| {
        let kept = in_string || !c.is_ascii_whitespace();
        in_string ^= *c == '"' && !escaped;
        escaped = in_string && *c == '\\' && !escaped;
        kept
    };
    json.chars().filter(keep).collect()
}
