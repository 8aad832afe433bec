//! Recalculations of a team's open tickets.

use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;

use crate::domain::id::{EventId, NewId as _};
use crate::domain::recalculation::{Extent, Recalculation, Selection, moves};
use crate::domain::ticket::Ticket;
use crate::list_query::tickets::Cursor;
use crate::problem::Problem;
use crate::random;
use crate::store::plans::Planner;
use crate::store::plans::today::Today;
use crate::store::team::ReadWrite;
use crate::store::tickets::Tickets;
use crate::store::tickets::report::{FirstAttempt, Put};

/// The most tickets of one call.
pub const MAX_TICKETS: usize = 500;

/// The most tickets that are read at once.
const PAGE: usize = 100;

/// How many tickets are written at once.
const CONCURRENCY: usize = 16;

/// How often a ticket is attempted whose writes meet others.
const MAX_ATTEMPTS: u32 = 8;

/// After this, no more tickets are read: the rest of a request's time is for those that were.
const READING_TIME: Duration = Duration::from_secs(4);

/// A ticket to be written.
struct Step {
    current: Ticket,
    ticket: Ticket,
}

impl Tickets<ReadWrite> {
    /// Plans the selected tickets anew, those first that are due first: at most [`MAX_TICKETS`] of them,
    /// from a place in the list of open tickets. Also returns where the rest of them begins, if there may
    /// be more.
    pub async fn recalculate(
        &self,
        selection: &Selection,
        planner: Planner<ReadWrite>,
        start: Cursor,
        extent: Extent,
        now: Timestamp,
    ) -> Result<(Recalculation, Option<Cursor>), Problem> {
        let started = Instant::now();
        let mut today = Today::new(planner);
        let mut done = Recalculation::default();
        let mut place = Some(start);
        while let Some(from) = place.take() {
            let limit = PAGE.min(MAX_TICKETS - done.examined);
            if limit == 0 || started.elapsed() > READING_TIME {
                return Ok((done, Some(from)));
            }
            let selected = |ticket: &Ticket| selection.has(&ticket.at(now));
            let page = self.list(from, limit, false, selected).await?;
            place = page.next;
            done.examined += page.tickets.len();
            let mut steps = Vec::new();
            for current in page.tickets {
                let ticket = recalculated(&current, &mut today, now).await?;
                steps.extend(ticket.map(|ticket| Step { current, ticket }));
            }
            if extent == Extent::Written {
                steps = self.write(steps, selection, &mut today, now).await?;
            }
            for Step { current, ticket } in steps {
                let moves = moves(&current.at(now), &ticket.at(now), now);
                if !moves.is_empty() {
                    done.changed.push((current.id, moves));
                }
            }
        }
        Ok((done, None))
    }

    /// Writes tickets, and returns what was written.
    async fn write(
        &self,
        steps: Vec<Step>,
        selection: &Selection,
        today: &mut Today<ReadWrite>,
        now: Timestamp,
    ) -> Result<Vec<Step>, Problem> {
        let written = stream::iter(steps).map(|step| async move {
            let over = Some(step.current.version);
            let first = FirstAttempt::Elsewhere;
            let put = self.put(&step.ticket, over, now, first).await?;
            let is_done = matches!(put, Put::Done(_));
            Ok::<_, Problem>((step, is_done))
        });
        let written: Vec<_> = written.buffered(CONCURRENCY).collect().await;
        let mut steps = Vec::with_capacity(written.len());
        for outcome in written {
            match outcome? {
                (step, true) => steps.push(step),
                (step, false) => {
                    let again = self.write_again(step, selection, today, now).await?;
                    steps.extend(again);
                }
            }
        }
        Ok(steps)
    }

    /// Writes a ticket that someone else has written meanwhile; nothing if it is no longer selected.
    async fn write_again(
        &self,
        step: Step,
        selection: &Selection,
        today: &mut Today<ReadWrite>,
        now: Timestamp,
    ) -> Result<Option<Step>, Problem> {
        for _ in 0..MAX_ATTEMPTS {
            let current = match self.find(step.current.id.as_str()).await {
                Ok(current) => current,
                Err(Problem::NotFound { .. }) => return Ok(None),
                Err(problem) => return Err(problem),
            };
            if !selection.has(&current.at(now)) {
                return Ok(None);
            }
            let Some(ticket) = recalculated(&current, today, now).await? else {
                return Ok(None);
            };
            let over = Some(current.version);
            let put = self.put(&ticket, over, now, FirstAttempt::Elsewhere);
            if matches!(put.await?, Put::Done(_)) {
                return Ok(Some(Step { current, ticket }));
            }
        }
        Err(Problem::Unavailable(
            "every attempt of a recalculation met another write".into(),
        ))
    }
}

/// The ticket with its plan of today; `None` if it stays as it is.
async fn recalculated<Rights>(
    ticket: &Ticket,
    today: &mut Today<Rights>,
    now: Timestamp,
) -> Result<Option<Ticket>, Problem> {
    let plan = today.plan(&ticket.at(now)).await?;
    let id = EventId::new_id(now, &random::bytes());
    Ok(plan.and_then(|plan| ticket.recalculated(&plan, id, now)))
}
