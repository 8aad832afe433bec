//! Idempotency keys: a finished POST or PATCH is not done again, but answered again.
//!
//! The record of a request is written in the same transaction as the change, so the request is done
//! and recorded, or neither. A request that is refused leaves no record, so its key stays unused.
//! Our own clock decides when a record expires; DynamoDB's TTL only cleans up.

use jiff::{SignedDuration, Timestamp};

use crate::domain::digest::Digest;
use crate::problem::{Problem, Reason, TeamProblem, TeamReason};
use crate::reply::{Answer, Encoding, Outcome, Reply};
use crate::store::idempotency::{Earlier, Record, RecordedBody, RecordedReply, Scope, Written};

/// The header with the key.
pub const HEADER: &str = "Idempotency-Key";
/// The most characters of a key.
const MAX_KEY_CHARS: usize = 255;
/// How long the record of a finished request is kept.
const RETENTION: SignedDuration = SignedDuration::from_hours(24);

/// How a record spells [`Outcome::Ok`].
const OK: &str = "ok";
/// How a record spells [`Outcome::Created`].
const CREATED: &str = "created";

/// The idempotency key of a request.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    scope: Scope,
    fingerprint: Digest,
    now: Timestamp,
}

impl IdempotencyKey {
    /// Reads the header: the bare key, or the key as a quoted string.
    ///
    /// `context` says where the key counts: the same key elsewhere is another key. `fingerprint` is
    /// a digest of the body.
    pub fn read(
        header: &str,
        context: &[&str],
        fingerprint: Digest,
        now: Timestamp,
    ) -> Result<IdempotencyKey, Problem> {
        let quoted = header
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        let key = quoted.unwrap_or(header);
        let visible = key.bytes().all(|byte| byte.is_ascii_graphic());
        if key.is_empty() || key.len() > MAX_KEY_CHARS || !visible {
            let reason = TeamReason::NotVisibleAscii { max: MAX_KEY_CHARS };
            return Err(Problem::invalid(HEADER, Reason::Team(reason)));
        }
        let mut parts = context.to_vec();
        parts.push(key);
        Ok(IdempotencyKey {
            scope: Scope::new(Digest::of_all(&parts)),
            fingerprint,
            now,
        })
    }

    /// The scope in which a record of an earlier request would be found.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The record from which this reply can be repeated.
    pub fn record(&self, reply: &Reply) -> Result<Record, Problem> {
        let outcome = match reply.outcome {
            Outcome::Ok => OK,
            Outcome::Created => CREATED,
            _ => {
                return Err(Problem::Internal(
                    "this kind of reply is not recorded".into(),
                ));
            }
        };
        Ok(Record {
            scope: self.scope.clone(),
            fingerprint: self.fingerprint.clone(),
            reply: RecordedReply {
                outcome: outcome.to_owned(),
                location: reply.location.clone(),
                etag: reply.etag.clone(),
            },
            body: RecordedBody::Text(reply.body.clone()),
            now: self.now,
            expires_at: self.now.saturating_add(RETENTION).unwrap_or(Timestamp::MAX),
        })
    }

    /// The reply to an earlier request, if it was the same request.
    pub fn replay(&self, earlier: Earlier) -> Answer {
        if self.fingerprint != earlier.fingerprint {
            return Err(Problem::Team(TeamProblem::IdempotencyKeyReused));
        }
        let RecordedReply {
            outcome,
            location,
            etag,
        } = earlier.reply;
        let outcome = match outcome.as_str() {
            OK => Outcome::Ok,
            CREATED => Outcome::Created,
            _ => return Err(Problem::Internal("a record's outcome is unknown".into())),
        };
        Ok(Reply {
            outcome,
            body: earlier.body,
            location,
            etag,
            next_cursor: None,
            replayed: true,
            encoding: Encoding::Text,
            headers: Vec::new(),
        })
    }
}

/// The answer to a request: `reply` if it was done now, else the reply to the earlier request.
pub fn settle(key: Option<&IdempotencyKey>, reply: Reply, written: Written) -> Answer {
    match (written, key) {
        (Written::Now, _) => Ok(reply),
        (Written::Earlier(earlier), Some(key)) => key.replay(earlier),
        (Written::Earlier(_), None) => Err(Problem::Internal(
            "a record was found without an idempotency key".into(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(header: &str, path: &str, body: &str) -> Result<IdempotencyKey, Problem> {
        let context = ["team", "live", "POST", path];
        IdempotencyKey::read(header, &context, Digest::of(body), Timestamp::UNIX_EPOCH)
    }

    fn scope(header: &str, path: &str) -> Option<Scope> {
        key(header, path, "{}").ok().map(|key| key.scope().clone())
    }

    #[test]
    fn a_key_is_the_same_bare_and_quoted_and_another_elsewhere() {
        assert_eq!(scope("abc", "/rules"), scope("\"abc\"", "/rules"));
        assert_ne!(scope("abc", "/rules"), scope("abc", "/calendars"));
        for invalid in ["", "\"\"", "a b", "é", &"k".repeat(256)] {
            assert_eq!(scope(invalid, "/rules"), None, "{invalid}");
        }
        assert!(scope(&"k".repeat(255), "/rules").is_some());
    }

    #[test]
    fn a_reply_is_recorded_for_a_day_and_repeated_to_the_same_request_only() {
        let key = |body| key("abc", "/rules", body).expect("a key");
        let reply = Reply::created(&"body")
            .expect("JSON")
            .at("/here".to_owned());
        let record = key("a").record(&reply).expect("a record");
        assert_eq!(
            record.expires_at.duration_since(Timestamp::UNIX_EPOCH),
            SignedDuration::from_hours(24)
        );
        assert_eq!(record.reply.outcome, "created");
        let ok = Reply::ok(&"body").expect("JSON");
        let of_ok = key("a").record(&ok).expect("a record");
        assert_eq!(of_ok.reply.outcome, "ok");
        let RecordedBody::Text(body) = record.body else {
            unreachable!("it is recorded as text");
        };
        let earlier = |outcome: &str| Earlier {
            fingerprint: record.fingerprint.clone(),
            reply: RecordedReply {
                outcome: outcome.to_owned(),
                ..record.reply.clone()
            },
            body: body.clone(),
        };
        let again = key("a")
            .replay(earlier("created"))
            .expect("the same request");
        assert_eq!((again.outcome, again.replayed), (Outcome::Created, true));
        assert_eq!(
            (again.body.as_str(), again.location.as_deref()),
            ("\"body\"", Some("/here"))
        );
        let ok = key("a").replay(earlier("ok")).expect("the same request");
        assert_eq!(ok.outcome, Outcome::Ok);
        assert!(matches!(
            key("a").replay(earlier("done")),
            Err(Problem::Internal(_))
        ));
        assert!(matches!(
            key("b").replay(earlier("ok")),
            Err(Problem::Team(TeamProblem::IdempotencyKeyReused))
        ));
        let document = Reply::document(Outcome::Document, &"body").expect("JSON");
        assert!(
            key("a").record(&document).is_err(),
            "only replies to writes are recorded"
        );
        let now = settle(None, reply, Written::Now).expect("it was done now");
        assert!(!now.replayed);
        let lost = Written::Earlier(earlier("ok"));
        assert!(settle(None, now, lost).is_err(), "whose was it?");
    }
}
