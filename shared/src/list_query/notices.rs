//! The parameters of the feed of notices.

use crate::domain::id::{NoticeId, TicketId};
use crate::domain::notice::NoticeType;
use crate::list_query::{limit, one};
use crate::problem::{Problem, Reason, TeamReason};

/// Which notices a client wants to see.
#[derive(Debug)]
pub struct NoticeListQuery {
    /// The most rows.
    pub limit: usize,
    /// The notice after which the list starts.
    pub after: Option<NoticeId>,
    notice_type: Option<NoticeType>,
    /// Any text: no notice is about a ticket whose id cannot be.
    ticket: Option<String>,
}

impl NoticeListQuery {
    /// Reads a query string.
    pub fn read(query: &str) -> Result<NoticeListQuery, Problem> {
        let invalid = |field, reason| Problem::invalid(field, Reason::Team(reason));
        let after = match one(query, "after") {
            None => None,
            Some(id) => {
                let id = NoticeId::parse(&id);
                Some(id.ok_or_else(|| invalid("after", TeamReason::NotANoticeId))?)
            }
        };
        let notice_type = match one(query, "type") {
            None => None,
            Some(word) => {
                let word = NoticeType::parse(&word);
                Some(word.ok_or_else(|| invalid("type", TeamReason::NotOneOf(NoticeType::WORDS)))?)
            }
        };
        Ok(NoticeListQuery {
            limit: limit(query)?,
            after,
            notice_type,
            ticket: one(query, "ticketId").map(|id| id.into_owned()),
        })
    }

    /// Whether a notice of this type about this ticket is wanted.
    pub fn wants(&self, notice_type: &str, ticket: &TicketId) -> bool {
        let wanted = |wanted: NoticeType| wanted.as_str() == notice_type;
        let is_about = |wanted: &str| wanted == ticket.as_str();
        self.notice_type.is_none_or(wanted) && self.ticket.as_deref().is_none_or(is_about)
    }
}
