//! The feed of a team's notices. A notice is written in the transaction that changes its ticket.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::id::{NoticeId, TicketId};
use crate::domain::notice::{Notice, NoticeType, RETENTION};
use crate::list_query::notices::NoticeListQuery;
use crate::problem::Problem;
use crate::reply;
use crate::store::page::{Order, Range, Within};
use crate::store::team::TeamStore;
use crate::store::{key, malformed};

/// The notices of one team and mode.
#[derive(Clone, Debug)]
pub struct Notices<Rights> {
    team: TeamStore<Rights>,
}

/// A notice as it is sent and shown.
#[derive(Clone, Debug)]
pub struct SentNotice {
    /// Its id.
    pub id: NoticeId,
    /// The whole notice as JSON.
    pub body: String,
}

/// A page of the feed.
#[derive(Debug)]
pub struct NoticePage {
    /// The notices, oldest first.
    pub notices: Vec<SentNotice>,
    /// The notice after which the next page begins; `None` if there is none yet.
    pub next: Option<NoticeId>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NoticeItem {
    pk: String,
    sk: NoticeId,
    ticket_id: TicketId,
    r#type: String,
    body: String,
    /// Seconds since the Unix epoch.
    ttl: i64,
    write_id: String,
}

impl<Rights> Notices<Rights> {
    pub(super) fn new(team: TeamStore<Rights>) -> Notices<Rights> {
        Notices { team }
    }

    /// A page of the feed: the next notices that are wanted. What is older than [`RETENTION`] may be
    /// gone or not.
    pub async fn list(&self, query: &NoticeListQuery) -> Result<NoticePage, Problem> {
        let range = Range {
            pk: &key::notices(&self.team.pk),
            within: Within::Prefix(NoticeId::PREFIX),
            order: Order::OldestFirst,
            after: query.after.as_ref().map(NoticeId::to_string),
        };
        let wanted = |item: &NoticeItem| query.wants(&item.r#type, &item.ticket_id);
        let page = self
            .team
            .store
            .list_page(range, query.limit, wanted)
            .await?;
        Ok(NoticePage {
            notices: page.items.into_iter().map(NoticeItem::into_sent).collect(),
            next: page.next.as_deref().and_then(NoticeId::parse),
        })
    }

    /// The notice; `None` if it is gone.
    pub(super) async fn find(&self, id: &NoticeId) -> Result<Option<SentNotice>, Problem> {
        let pk = key::notices(&self.team.pk);
        let item = self.team.store.get(&pk, id.as_str()).await?;
        let item: Option<NoticeItem> = item
            .map(serde_dynamo::from_item)
            .transpose()
            .map_err(malformed)?;
        Ok(item.map(NoticeItem::into_sent))
    }

    pub(super) fn item(
        &self,
        notice: &Notice,
        now: Timestamp,
        write_id: &str,
    ) -> Result<NoticeItem, Problem> {
        let team = key::team_id(&self.team.pk);
        let team = team.ok_or_else(|| Problem::Internal("a partition names no team".into()))?;
        let kind: NoticeType = notice.content.finding.notice_type();
        Ok(NoticeItem {
            pk: key::notices(&self.team.pk),
            sk: notice.id.clone(),
            ticket_id: notice.ticket.clone(),
            r#type: kind.as_str().to_owned(),
            body: reply::notice::body(notice, &team)?,
            ttl: expiry(now),
            write_id: write_id.to_owned(),
        })
    }
}

impl NoticeItem {
    pub(super) fn into_sent(self) -> SentNotice {
        SentNotice {
            id: self.sk,
            body: self.body,
        }
    }

    pub(super) fn sent(&self) -> SentNotice {
        SentNotice {
            id: self.sk.clone(),
            body: self.body.clone(),
        }
    }
}

/// When something that is made now is deleted, in seconds since the Unix epoch.
pub(super) fn expiry(now: Timestamp) -> i64 {
    let expiry = now.saturating_add(RETENTION).unwrap_or(Timestamp::MAX);
    expiry.as_second()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_are_kept_for_thirty_days() {
        assert_eq!(expiry(Timestamp::UNIX_EPOCH), 30 * 24 * 3_600);
        assert_eq!(expiry(Timestamp::MAX), Timestamp::MAX.as_second());
    }
}
