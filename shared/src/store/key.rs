//! The keys of the table's items. No other module spells them out.

use crate::domain::id::{
    CalendarId, KeyId, NoticeId, PolicyId, RuleId, TeamId, TicketId, UserId, WebhookId,
};
use crate::domain::minutes::Minutes;
use crate::domain::principal::Mode;
use crate::domain::report::summary::Day;
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

/// The team of a team's partition.
pub(super) fn team_id(team_pk: &str) -> Option<TeamId> {
    let (team, _mode) = scope(team_pk).rsplit_once('#')?;
    TeamId::parse(team)
}

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

/// The team's partition of a ticket's partition; `None` if it is not one.
pub(super) fn team_of_ticket(pk: &str) -> Option<String> {
    let (scope, _id) = pk.strip_prefix("TICKET#")?.rsplit_once('#')?;
    Some(format!("TEAM#{scope}"))
}

/// The partition of a team's notices. Their ids sort by time.
pub(super) fn notices(team_pk: &str) -> String {
    format!("NOTICE#{}", scope(team_pk))
}

/// The partition of a team's deliveries.
pub(super) fn deliveries(team_pk: &str) -> String {
    format!("DELIVERY#{}", scope(team_pk))
}

/// A delivery. Those of a webhook sort by the time of their notices.
pub(super) fn delivery(webhook: &WebhookId, notice: &NoticeId) -> String {
    format!("{}{notice}", deliveries_to(webhook))
}

/// The prefix of the deliveries to a webhook.
pub(super) fn deliveries_to(webhook: &WebhookId) -> String {
    format!("{webhook}#")
}

/// The team's partition of a partition of deliveries, and what a delivery's sort key names.
pub(super) fn of_delivery(pk: &str, sk: &str) -> Option<(String, WebhookId, NoticeId)> {
    let scope = pk.strip_prefix("DELIVERY#")?;
    let (webhook, notice) = of_delivery_sk(sk)?;
    Some((format!("TEAM#{scope}"), webhook, notice))
}

/// What a delivery's sort key names.
pub(super) fn of_delivery_sk(sk: &str) -> Option<(WebhookId, NoticeId)> {
    let (webhook, notice) = sk.split_once('#')?;
    Some((WebhookId::parse(webhook)?, NoticeId::parse(notice)?))
}

/// The partition of the facts of a team's cycles.
pub(super) fn cycles(team_pk: &str) -> String {
    format!("CYCLE#{}", scope(team_pk))
}

/// The facts of a ticket on a day. Those of a day stand together.
pub(super) fn cycles_of_ticket(day: Day, ticket: &TicketId) -> String {
    format!("{}#{ticket}", summary(day))
}

/// The sort keys of a day's facts: the first one is not before the first text, the last one before
/// the second.
pub(super) fn cycles_of_days(first: Day, last: Day) -> (String, String) {
    // In ASCII, `$` follows `#`.
    (summary(first), format!("{}$", summary(last)))
}

/// The partition of a team's summaries.
pub(super) fn summaries(team_pk: &str) -> String {
    format!("SUMMARY#{}", scope(team_pk))
}

/// The summary of a day.
pub(super) fn summary(day: Day) -> String {
    day.date().to_string()
}

/// The day of a summary.
pub(super) fn day_of_summary(sk: &str) -> Option<Day> {
    Day::of_date(sk.parse().ok()?)
}

/// The partition of the changes that are not in a team's summaries yet.
pub(super) fn changes(team_pk: &str) -> String {
    format!("CHANGE#{}", scope(team_pk))
}

/// A change, by the instant of its write. Those of one instant have different marks of their writes.
pub(super) fn change(sortable_instant: &str, write_id: &str) -> String {
    format!("{sortable_instant}#{write_id}")
}

/// The partitions of what a team's tickets lead to: notices, deliveries, facts, and what reports are
/// added up from.
pub(super) fn partitions_of_tickets(team_id: &TeamId, mode: Mode) -> [String; 5] {
    let team_pk = team(team_id, mode);
    [notices, deliveries, cycles, changes, summaries].map(|partition| partition(&team_pk))
}

/// A webhook. Ids sort by creation.
pub(super) fn webhook(id: &WebhookId) -> String {
    format!("{WEBHOOKS}{id}")
}

/// The prefix of all webhooks.
pub(super) const WEBHOOKS: &str = "WEBHOOK#";

/// The number of webhooks.
pub(super) const WEBHOOK_COUNT: &str = "COUNT#WEBHOOK";

/// The index of what waits for a time.
pub(super) const DUE_INDEX: &str = "due";
/// The attribute of that index's partition key.
pub(super) const DUE_PK: &str = "duePk";
/// The attribute of that index's sort key.
pub(super) const DUE_SK: &str = "dueSk";

/// What waits for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// A ticket, for its next mark.
    Ticket,
    /// A delivery, for its next attempt.
    Delivery,
}

/// The number of partitions of each kind in the index: together they take 8,000 writes a second.
pub(super) const DUE_SHARDS: u32 = 8;

/// The partition of the index in which an item waits, by its keys.
pub(super) fn due(waiting: Waiting, pk: &str, sk: &str) -> String {
    let mut hash = crc32fast::Hasher::new();
    hash.update(pk.as_bytes());
    hash.update(sk.as_bytes());
    due_shard(waiting, hash.finalize() % DUE_SHARDS)
}

/// A partition of the index.
pub(super) fn due_shard(waiting: Waiting, shard: u32) -> String {
    match waiting {
        Waiting::Ticket => format!("DUE#TICKET#{shard}"),
        Waiting::Delivery => format!("DUE#DELIVERY#{shard}"),
    }
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
