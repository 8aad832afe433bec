//! The ids that AWS assigns to requests, invocations and traces. Here they only have to differ.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use uuid::Builder;

/// A request id as HTTP APIs write it, such as `QQCtFipSIAMEPNQ=`.
pub(crate) fn api_request() -> String {
    let mut bytes = [0; 11];
    fastrand::fill(&mut bytes);
    BASE64_STANDARD.encode(bytes)
}

/// An invocation's id, a random UUID.
pub(crate) fn invocation() -> String {
    let bytes = fastrand::u128(..).to_be_bytes();
    Builder::from_random_bytes(bytes).into_uuid().to_string()
}

/// A trace header's root, such as `Root=1-5e9f0c65-1de4d666d4dd26aced652b6c`.
pub(crate) fn trace_root() -> String {
    let random = fastrand::u128(..) >> 32;
    format!("Root=1-{:08x}-{random:024x}", Timestamp::now().as_second())
}
