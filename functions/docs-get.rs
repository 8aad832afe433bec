//! Serves the page that shows the contract with Swagger UI. Its files come from `docs-file-get`.

use std::process::ExitCode;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use shared::api;
use shared::domain::digest::Digest;
use shared::reply::{Answer, Reply};
use shared::serve::call::PublicCall;
use shared::serve::serve;

const PAGE: &str = include_str!("docs/page.html");

/// Only this service, and nothing that is written into the page itself. `data:` is for the images in
/// Swagger UI's stylesheet.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

/// Five minutes, as the contract: the page changes with a deployment.
const CACHE_CONTROL: &str = "public, max-age=300";

/// Digits of the entity tag: enough to tell two pages apart.
const TAG_DIGITS: usize = 16;

/// The entity tag.
static TAG: LazyLock<String> =
    LazyLock::new(|| Digest::of(PAGE).as_str().chars().take(TAG_DIGITS).collect());

fn main() -> ExitCode {
    serve(&api::DOCS_GET, page)
}

async fn page(call: PublicCall) -> Answer {
    let reply = Reply::base64(STANDARD.encode(PAGE))
        .versions(&TAG)
        .header("content-type", "text/html; charset=utf-8")
        .header("content-security-policy", CONTENT_SECURITY_POLICY)
        .header("cache-control", CACHE_CONTROL);
    Ok(reply.unless_cached(call.if_none_match()))
}
