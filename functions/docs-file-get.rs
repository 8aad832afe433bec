//! Serves the files of the page with the documentation: Swagger UI, which is Apache-2.0, and what
//! starts it.
//!
//! The binary has each file once, as the gzip that `docs/build.rs` made. It goes out as it is, or
//! decompressed to those who do not accept gzip.

use std::io::Read as _;
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use shared::api;
use shared::problem::Problem;
use shared::reply::{Answer, Reply};
use shared::serve::call::PublicCall;
use shared::serve::serve;

const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// Five minutes, as the page that names them: all of them change with a deployment.
const CACHE_CONTROL: &str = "public, max-age=300";

/// Bytes of the checksum and the length at the end of a gzip file (RFC 1952).
const TRAILER_BYTES: usize = 8;

/// A file that the page needs.
struct File {
    name: &'static str,
    content_type: &'static str,
    gzip: &'static [u8],
}

static FILES: [File; 4] = [
    File {
        name: "page.css",
        content_type: CSS,
        gzip: include_bytes!(concat!(env!("OUT_DIR"), "/page.css.gz")),
    },
    File {
        name: "start.js",
        content_type: JAVASCRIPT,
        gzip: include_bytes!(concat!(env!("OUT_DIR"), "/start.js.gz")),
    },
    File {
        name: "swagger-ui.css",
        content_type: CSS,
        gzip: include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.css.gz")),
    },
    File {
        name: "swagger-ui-bundle.js",
        content_type: JAVASCRIPT,
        gzip: include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js.gz")),
    },
];

fn main() -> ExitCode {
    serve(&api::DOCS_FILE_GET, file)
}

async fn file(call: PublicCall) -> Answer {
    let named = call.parameter("file");
    let file = FILES.iter().find(|file| Some(file.name) == named);
    let file = file.ok_or(Problem::UnknownPath)?;
    let reply = if call.accepts_gzip() {
        Reply::base64(STANDARD.encode(file.gzip)).header("content-encoding", "gzip")
    } else {
        Reply::base64(STANDARD.encode(file.plain()?))
    };
    let reply = reply
        .versions(&file.tag())
        .header("content-type", file.content_type)
        .header("cache-control", CACHE_CONTROL)
        .header("vary", "accept-encoding");
    Ok(reply.unless_cached(call.if_none_match()))
}

impl File {
    fn plain(&self) -> Result<Vec<u8>, Problem> {
        let mut plain = Vec::new();
        GzDecoder::new(self.gzip)
            .read_to_end(&mut plain)
            .map_err(|error| Problem::Internal(Box::new(error)))?;
        Ok(plain)
    }

    /// The checksum and the length of the plain file, which gzip ends with, as the entity tag.
    fn tag(&self) -> String {
        let trailer = self.gzip.last_chunk::<TRAILER_BYTES>();
        let trailer = trailer.map_or(0, |bytes| u64::from_be_bytes(*bytes));
        format!("{trailer:016x}")
    }
}
