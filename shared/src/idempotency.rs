//! A finished POST or PATCH, told again instead of done again.
//!
//! The record is written in one transaction with what it is about, so a request was either done
//! and recorded or neither. What is refused before that leaves no record: the key stays unused.
//! How long a record counts is judged by our own clock; DynamoDB's TTL only cleans up.

use jiff::{SignedDuration, Timestamp};

use crate::domain::digest::Digest;
use crate::problem::{Allowed, Fault, Problem, Violation};
use crate::reply::{Answer, Encoding, Outcome, Reply};
use crate::store::calendars::CalendarSnapshot;
use crate::store::idempotency::{Earlier, Record, RecordedBody, RecordedReply, Scope, Written};

/// The header that makes a request repeatable.
pub const HEADER: &str = "Idempotency-Key";
/// The longest key.
const MAX_KEY_CHARS: usize = 255;
/// How long a finished request is remembered.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

/// How a record spells [`Outcome::Ok`].
const OK: &str = "ok";
/// How a record spells [`Outcome::Created`].
const CREATED: &str = "created";

/// A request that is to be done once.
#[derive(Debug)]
pub struct Once {
    identity: Option<Identity>,
}

#[derive(Debug)]
struct Identity {
    scope: Scope,
    fingerprint: Digest,
    now: Timestamp,
}

impl Once {
    /// Reads the header, if there is one: bare, or as a quoted string.
    ///
    /// `within` tells where the key counts: the same key elsewhere is another key. `fingerprint` is
    /// asked only if there is a key: hashing a body is no work for everyone.
    pub fn read(
        header: Option<&str>,
        within: &[&str],
        fingerprint: impl FnOnce() -> Digest,
        now: Timestamp,
    ) -> Result<Once, Problem> {
        let Some(header) = header else {
            return Ok(Once { identity: None });
        };
        let quoted = header
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        let key = quoted.unwrap_or(header);
        let visible = key.bytes().all(|byte| byte.is_ascii_graphic());
        if key.is_empty() || key.len() > MAX_KEY_CHARS || !visible {
            let allowed = Allowed::VisibleAscii { max: MAX_KEY_CHARS };
            return Err(Problem::Invalid(vec![Violation {
                field: HEADER.into(),
                fault: Fault::Type,
                allowed,
            }]));
        }
        let mut parts = within.to_vec();
        parts.push(key);
        let scope = Scope::new(Digest::of_all(&parts));
        Ok(Once {
            identity: Some(Identity {
                scope,
                fingerprint: fingerprint(),
                now,
            }),
        })
    }

    /// What is to be written beside the resource, so that this reply can be repeated.
    pub fn record(&self, reply: &Reply) -> Result<Option<Record>, Problem> {
        self.record_as(reply, || RecordedBody::Text(reply.body.clone()))
    }

    /// The same for a reply whose body is a calendar: the record refers to it instead of copying it.
    pub fn record_calendar(
        &self,
        reply: &Reply,
        calendar: CalendarSnapshot,
    ) -> Result<Option<Record>, Problem> {
        self.record_as(reply, || RecordedBody::Calendar(calendar))
    }

    fn record_as(
        &self,
        reply: &Reply,
        body: impl FnOnce() -> RecordedBody,
    ) -> Result<Option<Record>, Problem> {
        let Some(Identity {
            scope,
            fingerprint,
            now,
        }) = &self.identity
        else {
            return Ok(None);
        };
        let outcome = match reply.outcome {
            Outcome::Ok => OK,
            Outcome::Created => CREATED,
            _ => {
                return Err(Problem::Internal(
                    "this kind of reply is not recorded".into(),
                ));
            }
        };
        Ok(Some(Record {
            scope: scope.clone(),
            fingerprint: fingerprint.clone(),
            reply: RecordedReply {
                outcome: outcome.to_owned(),
                location: reply.location.clone(),
                etag: reply.etag.clone(),
            },
            body: body(),
            now: *now,
            expires_at: now.saturating_add(REMEMBERED).unwrap_or(Timestamp::MAX),
        }))
    }

    /// Where an earlier reply would be found; `None` without a key.
    pub fn scope(&self) -> Option<&Scope> {
        self.identity.as_ref().map(|identity| &identity.scope)
    }

    /// The answer: this reply if it was written now, the earlier one if that was.
    pub fn settle(&self, reply: Reply, written: Written) -> Answer {
        match written {
            Written::Now => Ok(reply),
            Written::Earlier(earlier) => self.replay(earlier),
        }
    }

    /// The reply of an earlier request, if it was this one.
    pub fn replay(&self, earlier: Earlier) -> Answer {
        let same = self
            .identity
            .as_ref()
            .is_some_and(|identity| identity.fingerprint == earlier.fingerprint);
        if !same {
            return Err(Problem::IdempotencyKeyReused);
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
            replayed: true,
            encoding: Encoding::Text,
            headers: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(header: &str, path: &str) -> Option<Scope> {
        let once = Once::read(
            Some(header),
            &["team", "live", "POST", path],
            || Digest::of("{}"),
            Timestamp::UNIX_EPOCH,
        );
        once.ok().and_then(|once| once.scope().cloned())
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
        let now = Timestamp::UNIX_EPOCH;
        let once = |body: &str| {
            let digest = Digest::of(body);
            Once::read(Some("key"), &["team"], || digest, now).expect("a key")
        };
        let reply = Reply::created(&"body")
            .expect("JSON")
            .at("/here".to_owned());
        let record = once("a")
            .record(&reply)
            .expect("a record")
            .expect("there is a key");
        assert_eq!(
            record.expires_at.duration_since(now),
            SignedDuration::from_hours(24)
        );
        assert_eq!(record.reply.outcome, "created");
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
        let again = once("a")
            .replay(earlier("created"))
            .expect("the same request");
        assert_eq!((again.outcome, again.replayed), (Outcome::Created, true));
        assert_eq!(
            (again.body.as_str(), again.location.as_deref()),
            ("\"body\"", Some("/here"))
        );
        let ok = once("a").replay(earlier("ok")).expect("the same request");
        assert_eq!(ok.outcome, Outcome::Ok);
        assert!(matches!(
            once("a").replay(earlier("done")),
            Err(Problem::Internal(_))
        ));
        assert!(matches!(
            once("b").replay(earlier("ok")),
            Err(Problem::IdempotencyKeyReused)
        ));
        let document = Reply::document(Outcome::Document, &"body").expect("JSON");
        assert!(
            once("a").record(&document).is_err(),
            "only what is written is recorded"
        );
        let without = Once::read(None, &["team"], || Digest::of("a"), now).expect("no key");
        assert!(without.scope().is_none());
        assert!(without.record(&reply).expect("no record").is_none());
        assert!(without.replay(earlier("ok")).is_err());
    }
}
