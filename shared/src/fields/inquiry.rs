//! The assignment of an SLA policy to a room, as Rocket.Chat's clients write it. The server looks at
//! no other members.

use serde_json::Value;

use crate::fields::Fields;
use crate::problem::{Problem, WorkspaceProblem};

/// A request to assign a policy.
#[derive(Debug, PartialEq, Eq)]
pub struct InquirySla {
    /// The id of the room, which is the id of its ticket.
    pub room_id: String,
    /// The id or the name of a policy, if the client gives one.
    pub sla: Option<String>,
}

/// Reads a request to assign a policy.
pub fn read(mut fields: Fields) -> Result<InquirySla, Problem> {
    let mut text = |name: &str| match fields.take(name) {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    };
    let room_id = text("roomId");
    Ok(InquirySla {
        room_id: room_id.ok_or(Problem::Workspace(WorkspaceProblem::RoomIdRequired))?,
        sla: text("sla"),
    })
}
