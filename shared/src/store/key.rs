//! The keys of the table's items. No other module spells them out.

use crate::domain::id::{CalendarId, KeyId, PolicyId, RuleId, TeamId, TicketId, UserId};
use crate::domain::minutes::Minutes;
use crate::domain::principal::Mode;
use crate::domain::text::PolicyName;
use crate::domain::version::Version;

/// The attribute of the partition key.
pub(super) const PK: &str = "pk";
/// The attribute of the sort key.
pub(super) const SK: &str = "sk";

/// The key of an item that never exists. Reading it checks that the table can be reached.
pub(super) const NOWHERE: &str = "NOWHERE";

/// A credential, found by the digest of its secret.
pub(super) fn credential(digest_hex: &str) -> (String, String) {
    (format!("CREDENTIAL#{digest_hex}"), "CREDENTIAL".to_owned())
}

/// The partition of everything that a team has in one mode.
pub(super) fn team(team: &TeamId, mode: Mode) -> String {
    format!("TEAM#{team}#{}", mode.as_str())
}

/// The name and the plan of a team.
pub(super) const TEAM: &str = "TEAM";

/// The settings that a team's clients write.
pub(super) const SETTINGS: &str = "SETTINGS";

/// A ticket. It has a partition of its own, since a team may have millions.
pub(super) fn ticket(team_pk: &str, id: &TicketId) -> (String, String) {
    let scope = scope(team_pk);
    (format!("TICKET#{scope}#{id}"), TICKET.to_owned())
}

/// The sort key of tickets.
const TICKET: &str = "TICKET";

/// The partition of the index in which a team's open or closed tickets are listed.
pub(super) fn queue(team_pk: &str, side: QueueSide) -> String {
    let side = match side {
        QueueSide::Open => "open",
        QueueSide::Closed => "closed",
    };
    format!("QUEUE#{}#{side}", scope(team_pk))
}

/// Whether a ticket is still worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QueueSide {
    /// It is open or paused.
    Open,
    /// It is resolved or cancelled.
    Closed,
}

/// The team and the mode of a team's partition.
fn scope(team_pk: &str) -> &str {
    team_pk.trim_start_matches("TEAM#")
}

/// The index of tickets, and its keys.
pub(super) const QUEUE_INDEX: &str = "queue";
/// The attribute of the index's partition key.
pub(super) const QUEUE_PK: &str = "queuePk";
/// The attribute of the index's sort key.
pub(super) const QUEUE_SK: &str = "queueSk";

/// The partitions of the index in which a team's open and closed tickets are listed.
pub(super) fn queues(team_id: &TeamId, mode: Mode) -> [String; 2] {
    let team_pk = team(team_id, mode);
    [QueueSide::Open, QueueSide::Closed].map(|side| queue(&team_pk, side))
}

/// The partition in which operators find all teams.
pub(super) const TEAMS: &str = "TEAMS";

/// The prefix of all team ids.
pub(super) const TEAM_IDS: &str = "team_";

/// The pointer by which operators find the credential of a key.
pub(super) fn key_pointer(id: &KeyId) -> String {
    format!("{KEY_POINTERS}{id}")
}

/// The prefix of all key pointers.
pub(super) const KEY_POINTERS: &str = "KEY#";

/// The pointer by which operators find the credential of a user.
pub(super) fn user_pointer(id: &UserId) -> String {
    format!("{USER_POINTERS}{id}")
}

/// The prefix of all user pointers.
pub(super) const USER_POINTERS: &str = "USER#";

/// A rule. Ids sort by creation, so a query lists the oldest first.
pub(super) fn rule(id: &RuleId) -> String {
    format!("{RULES}{id}")
}

/// The prefix of all rules.
pub(super) const RULES: &str = "RULE#";

/// A policy.
pub(super) fn policy(id: &PolicyId) -> String {
    format!("{POLICIES}{id}")
}

/// The prefix of all policies.
pub(super) const POLICIES: &str = "POLICY#";

/// The record of a completed request, found by the digest of its scope.
pub(super) fn idempotency(scope: &str) -> (String, String) {
    (format!("IDEMPOTENCY#{scope}"), "IDEMPOTENCY".to_owned())
}

/// A calendar. Ids sort by creation, so a query lists the oldest first.
pub(super) fn calendar(id: &CalendarId) -> String {
    format!("{CALENDARS}{id}")
}

/// The prefix of all calendars.
pub(super) const CALENDARS: &str = "CALENDAR#";

/// The prefix of all schedules of a calendar.
pub(super) fn schedules(id: &CalendarId) -> String {
    format!("{SCHEDULES}{id}#")
}

/// The prefix of all schedules.
pub(super) const SCHEDULES: &str = "SCHEDULE#";

/// The schedule that a version of a calendar introduced. The version is padded, so that the newest
/// schedule sorts last.
///
/// It is stored in the team's partition rather than in one of its own, so that it is found when a
/// team's data is deleted, even if the calendar itself was deleted long ago.
pub(super) fn schedule(id: &CalendarId, version: Version) -> String {
    format!("{}{:020}", schedules(id), version.get())
}

/// The pointer to the default calendar.
pub(super) const DEFAULT_CALENDAR: &str = "DEFAULT#CALENDAR";

/// The number of calendars.
pub(super) const CALENDAR_COUNT: &str = "COUNT#CALENDAR";

/// The number of rules.
pub(super) const RULE_COUNT: &str = "COUNT#RULE";

/// The number of policies.
pub(super) const POLICY_COUNT: &str = "COUNT#POLICY";

/// The claim to a policy's name, which only one policy can hold. A name of 200 four-byte characters
/// still fits a sort key's 1,024 bytes.
pub(super) fn policy_name(name: &PolicyName) -> String {
    format!("UNIQUE#policy-name#{}", name.as_str())
}

/// The claim to a policy's due time, which only one policy can hold.
pub(super) fn policy_due(due: Minutes) -> String {
    format!("UNIQUE#policy-due#{}", due.get())
}
