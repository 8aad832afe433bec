//! The writes of a ticket, and the reports that belong to them: what has become true about it is
//! reported in the transaction that writes it, so that it is reported once and never lost.

use std::sync::Arc;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{ReturnConsumedCapacity, ReturnValue};
use jiff::{SignedDuration, Timestamp};

use crate::domain::delivery::Delivery;
use crate::domain::id::{NewId as _, NoticeId};
use crate::domain::notice::{Notice, NoticeType, Unreported};
use crate::domain::ticket::Ticket;
use crate::domain::version::Version;
use crate::domain::webhook::Webhook;
use crate::problem::Problem;
use crate::random;
use crate::store::deliveries::attempts::Outgoing;
use crate::store::due::{self, Entry, sortable};
use crate::store::key::Waiting;
use crate::store::notices::SentNotice;
use crate::store::team::{ReadWrite, TeamStore};
use crate::store::tickets::Tickets;
use crate::store::tickets::facts::FactChanges;
use crate::store::transaction::MAX_ITEMS;
use crate::store::{Item, Store, key, problem, string};

/// How often a report is attempted that meets other writes of its ticket.
const MAX_ATTEMPTS: u32 = 8;

/// How long a ticket that cannot be read is left alone.
const UNREADABLE_PAUSE: SignedDuration = SignedDuration::from_mins(5);

/// Who attempts the deliveries first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FirstAttempt {
    /// The process that writes the notices, as soon as they are written.
    Here,
    /// The scheduled function for deliveries.
    Elsewhere,
}

/// The outcome of a write.
pub(super) enum Put {
    /// The ticket is written, and this is to be sent.
    Done(Report),
    /// The stored ticket has another version.
    Other(Item),
}

/// A ticket that waits for its next mark.
#[derive(Clone, Debug)]
pub struct DueTicket {
    entry: Entry,
    team_pk: String,
}

/// What has been reported about a ticket.
#[derive(Debug, Default)]
pub struct Report {
    /// The type of each notice, and the instant of its mark.
    pub notices: Vec<(NoticeType, Timestamp)>,
    /// The deliveries that are in the hands of this process.
    pub outgoing: Vec<Outgoing>,
    /// The ticket, if it is due again: at once, if not everything did fit a transaction.
    pub next: Option<DueTicket>,
}

impl DueTicket {
    fn of(entry: Entry) -> Option<DueTicket> {
        let team_pk = key::team_of_ticket(&entry.pk)?;
        Some(DueTicket { entry, team_pk })
    }

    /// When it is due.
    pub fn at(&self) -> Timestamp {
        self.entry.at
    }
}

impl Store {
    /// The tickets that are due until an instant, soonest first, of all teams.
    pub async fn due_tickets(&self, until: Timestamp) -> Result<Vec<DueTicket>, Problem> {
        let entries = self.due(Waiting::Ticket, until).await?;
        Ok(entries.into_iter().filter_map(DueTicket::of).collect())
    }

    /// Reports what has become true about a ticket. The deliveries are in this process's hands.
    pub async fn report(&self, due: &DueTicket, now: Timestamp) -> Result<Report, Problem> {
        let team = TeamStore::<ReadWrite>::new(self.clone(), due.team_pk.clone());
        let tickets = team.tickets();
        let Entry { pk, sk, .. } = &due.entry;
        for _ in 0..MAX_ATTEMPTS {
            let Some(item) = self.get(pk, sk).await? else {
                return Ok(Report::default());
            };
            let next = due_ticket(&item);
            if next.as_ref().is_none_or(|next| next.at() >= now) {
                return Ok(Report {
                    next,
                    ..Report::default()
                });
            }
            let current = match tickets.read(item).await {
                Ok(ticket) => ticket,
                Err(unreadable @ Problem::Internal(_)) => {
                    if let Some(seen) = &next {
                        self.postpone(&seen.entry, now).await?;
                    }
                    return Err(unreadable);
                }
                Err(problem) => return Err(problem),
            };
            let mut ticket = current.clone();
            ticket.version = current.version.next();
            let over = Some(current.version);
            match tickets.put(&ticket, over, now, FirstAttempt::Here).await? {
                Put::Done(mut report) => {
                    // What was due and is again without a report would be so without end.
                    if report.notices.is_empty() {
                        report.next = report.next.filter(|next| next.at() > now);
                    }
                    return Ok(report);
                }
                Put::Other(_) => {}
            }
        }
        Err(Problem::Unavailable(
            "every attempt of a report met another write".into(),
        ))
    }

    /// Leaves a ticket alone for a while, so that it does not stand in the way of others; unless it has
    /// been written meanwhile, and may be due before that.
    async fn postpone(&self, entry: &Entry, now: Timestamp) -> Result<(), Problem> {
        let later = now
            .saturating_add(UNREADABLE_PAUSE)
            .unwrap_or(Timestamp::MAX);
        let due_sk = |at| string(&format!("{}#{}", sortable(at), entry.pk));
        let update = self.table.client.update_item().table_name(&self.table.name);
        let done = update
            .key(key::PK, string(&entry.pk))
            .key(key::SK, string(&entry.sk))
            .update_expression("SET #due = :due")
            .condition_expression("#due = :seen")
            .expression_attribute_names("#due", key::DUE_SK)
            .expression_attribute_values(":due", due_sk(later))
            .expression_attribute_values(":seen", due_sk(entry.at))
            .return_values(ReturnValue::None)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match done {
            Ok(done) => self.count(done.consumed_capacity()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => self.count(None),
                _ => return Err(problem(error)),
            },
        }
        Ok(())
    }
}

impl Tickets<ReadWrite> {
    /// Puts a ticket over the one that has this version, or where there is none, with notices of what
    /// has become true about it and a delivery for each webhook that wants them.
    ///
    /// What does not fit a transaction is left, and the ticket stays due.
    pub(super) async fn put(
        &self,
        ticket: &Ticket,
        over: Option<Version>,
        now: Timestamp,
        first: FirstAttempt,
    ) -> Result<Put, Problem> {
        let unreported = ticket.unreported(now);
        let facts = FactChanges::of(ticket, now)?;
        if unreported.is_empty() && facts.is_empty() {
            let store = &self.team.store;
            let write_id = store.next_write_id();
            let item = self.item(ticket, &write_id, now, None)?;
            let next = due_ticket(&item);
            return Ok(match store.put_over(item, over, &write_id).await? {
                None => Put::Done(Report {
                    next,
                    ..Report::default()
                }),
                Some(other) => Put::Other(other),
            });
        }
        self.put_with_reports(ticket, over, now, first, &unreported, facts)
            .await
    }

    async fn put_with_reports(
        &self,
        ticket: &Ticket,
        over: Option<Version>,
        now: Timestamp,
        first: FirstAttempt,
        unreported: &[Unreported],
        facts: FactChanges,
    ) -> Result<Put, Problem> {
        let webhooks = if unreported.is_empty() {
            Arc::default()
        } else {
            self.team.webhooks().recent().await?
        };
        let room = (MAX_ITEMS - 1 - facts.items()) / (1 + webhooks.len());
        let (reported, left) = unreported
            .split_at_checked(room)
            .unwrap_or((unreported, &[]));
        let notices = notices(ticket, reported, now);
        let left = left.first().map(|unreported| unreported.at);
        let left = left.or((!facts.is_whole).then_some(ticket.created_at));

        let mut transaction = self.team.store.transaction();
        let write_id = transaction.write_id().to_owned();
        let mut written = ticket.with_reported(&notices);
        written.counted.clone_from(&facts.counted);
        let item = self.item(&written, &write_id, now, left)?;
        let next = due_ticket(&item);
        transaction.put_over(item, over, || Problem::WriteConflict)?;
        facts.write(ticket, &self.team.pk, now, &mut transaction)?;
        let mut report = Report {
            next,
            ..Report::default()
        };
        for notice in &notices {
            let kind = notice.content.finding.notice_type();
            report.notices.push((kind, notice.content.at));
            let item = self.team.notices().item(notice, now, &write_id)?;
            let used = || Problem::Internal("a new notice's id is in use".into());
            transaction.put_new(&item, used)?;
            for webhook in webhooks.iter().filter(|webhook| webhook.wants(kind)) {
                let outgoing = self.outgoing(&item.sent(), kind, webhook, now, first);
                let deliveries = self.team.deliveries();
                let item = deliveries.item(outgoing.delivery(), &write_id);
                transaction.put_new(&item, used)?;
                report.outgoing.push(outgoing);
            }
        }
        Ok(match transaction.commit_unless_other().await? {
            None => Put::Done(report),
            Some(other) => Put::Other(other),
        })
    }

    fn outgoing(
        &self,
        notice: &SentNotice,
        kind: NoticeType,
        webhook: &Webhook,
        now: Timestamp,
        first: FirstAttempt,
    ) -> Outgoing {
        let (notice_id, webhook_id) = (notice.id.clone(), webhook.id.clone());
        let delivery = Delivery::new(notice_id, webhook_id, kind, now);
        let delivery = match first {
            FirstAttempt::Here => delivery.leased(now),
            FirstAttempt::Elsewhere => delivery,
        };
        Outgoing::new(self.team.share(), webhook.clone(), notice.clone(), delivery)
    }
}

/// When a ticket with this item is due; `None` if it never is.
fn due_ticket(item: &Item) -> Option<DueTicket> {
    due::entry(item).and_then(DueTicket::of)
}

/// The notices of what is reported, with ids in that order.
fn notices(ticket: &Ticket, reported: &[Unreported], now: Timestamp) -> Vec<Notice> {
    let mut ids: Vec<NoticeId> = reported
        .iter()
        .map(|_| NoticeId::new_id(now, &random::bytes()))
        .collect();
    ids.sort();
    let notices = ids.into_iter().zip(reported).map(|(id, content)| Notice {
        id,
        made_at: now,
        ticket: ticket.id.clone(),
        reference: ticket.reference.clone(),
        content: content.clone(),
    });
    notices.collect()
}
