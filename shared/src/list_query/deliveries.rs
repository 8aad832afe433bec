//! The parameters of a webhook's deliveries.

use crate::domain::delivery::DeliveryStatus;
use crate::domain::id::NoticeId;
use crate::list_query::{limit, one};
use crate::problem::{Problem, Reason, TeamReason};

/// Which deliveries a client wants to see.
#[derive(Debug)]
pub struct DeliveryListQuery {
    /// The most rows.
    pub limit: usize,
    /// The notice after whose delivery the list starts.
    pub after: Option<NoticeId>,
    status: Option<&'static str>,
}

impl DeliveryListQuery {
    /// Reads a query string. A cursor is the digits of the last notice before the page.
    pub fn read(query: &str) -> Result<DeliveryListQuery, Problem> {
        let invalid = |field, reason| Problem::invalid(field, Reason::Team(reason));
        let after = match one(query, "cursor") {
            None => None,
            Some(digits) => {
                let id = NoticeId::parse(&format!("ntc_{digits}"));
                Some(id.ok_or_else(|| invalid("cursor", TeamReason::NotACursor))?)
            }
        };
        let words = DeliveryStatus::WORDS;
        let status = match one(query, "status") {
            None => None,
            Some(text) => {
                let word = words.iter().copied().find(|word| *word == text);
                Some(word.ok_or_else(|| invalid("status", TeamReason::NotOneOf(words)))?)
            }
        };
        Ok(DeliveryListQuery {
            limit: limit(query)?,
            after,
            status,
        })
    }

    /// Whether a delivery with this status is wanted.
    pub fn wants(&self, status: &str) -> bool {
        self.status.is_none_or(|wanted| wanted == status)
    }

    /// The cursor of the page behind the delivery of a notice.
    pub fn cursor(after: &NoticeId) -> String {
        after.as_str().trim_start_matches("ntc_").to_owned()
    }
}
