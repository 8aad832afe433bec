//! Recalculations, as clients see them.

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::id::TicketId;
use crate::domain::recalculation::{Place, Recalculation};
use crate::reply::{Answer, Reply};

/// What a recalculation has done, or would do.
pub fn one(done: &Recalculation, next_cursor: Option<String>) -> Answer {
    let items = done.changed.iter().flat_map(|(ticket_id, moves)| {
        moves.iter().map(move |moved| ItemView {
            ticket_id,
            metric: moved.metric.as_str(),
            from: PlaceView::of(moved.from),
            to: PlaceView::of(moved.to),
        })
    });
    Reply::ok(&View {
        examined: done.examined,
        changed: done.changed.len(),
        items: items.collect(),
        next_cursor,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View<'a> {
    examined: usize,
    changed: usize,
    items: Vec<ItemView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ItemView<'a> {
    ticket_id: &'a TicketId,
    metric: &'static str,
    from: PlaceView,
    to: PlaceView,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PlaceView {
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<Timestamp>,
    status: &'static str,
}

impl PlaceView {
    fn of(place: Place) -> PlaceView {
        PlaceView {
            due_at: place.due_at,
            status: place.status.as_str(),
        }
    }
}
