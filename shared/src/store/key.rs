//! Every key of the table is spelled here and nowhere else.

use crate::domain::id::{CalendarId, KeyId, PolicyId, RuleId, TeamId, UserId};
use crate::domain::minutes::Minutes;
use crate::domain::principal::Mode;
use crate::domain::text::PolicyName;
use crate::domain::version::Version;

/// The partition key's attribute.
pub(super) const PK: &str = "pk";
/// The sort key's attribute.
pub(super) const SK: &str = "sk";

/// Where nothing lies: what is read to see whether anything can be read.
pub(super) const NOWHERE: &str = "NOWHERE";

/// A credential is found by what it hashes to, and by nothing else.
pub(super) fn credential(digest_hex: &str) -> (String, String) {
    (format!("CREDENTIAL#{digest_hex}"), "CREDENTIAL".to_owned())
}

/// All that a team has in one mode lies under one partition key.
pub(super) fn team(team: &TeamId, mode: Mode) -> String {
    format!("TEAM#{team}#{}", mode.as_str())
}

/// The team's settings.
pub(super) const TEAM: &str = "TEAM";

/// All teams, listed under one partition key for operators.
pub(super) const TEAMS: &str = "TEAMS";

/// What all ids of teams begin with.
pub(super) const TEAM_IDS: &str = "team_";

/// How operators find a key's credential.
pub(super) fn key_pointer(id: &KeyId) -> String {
    format!("{KEY_POINTERS}{id}")
}

/// What all key pointers begin with.
pub(super) const KEY_POINTERS: &str = "KEY#";

/// How operators find a user's credential.
pub(super) fn user_pointer(id: &UserId) -> String {
    format!("{USER_POINTERS}{id}")
}

/// What all user pointers begin with.
pub(super) const USER_POINTERS: &str = "USER#";

/// A rule. Ids sort by creation, so a query lists the oldest first.
pub(super) fn rule(id: &RuleId) -> String {
    format!("{RULES}{id}")
}

/// What all rules begin with.
pub(super) const RULES: &str = "RULE#";

/// A policy.
pub(super) fn policy(id: &PolicyId) -> String {
    format!("{POLICIES}{id}")
}

/// What all policies begin with.
pub(super) const POLICIES: &str = "POLICY#";

/// A record of a finished request is found by what its scope hashes to.
pub(super) fn idempotency(scope: &str) -> (String, String) {
    (format!("IDEMPOTENCY#{scope}"), "IDEMPOTENCY".to_owned())
}

/// A calendar. Ids sort by creation, so a query lists the oldest first.
pub(super) fn calendar(id: &CalendarId) -> String {
    format!("{CALENDARS}{id}")
}

/// What all calendars begin with.
pub(super) const CALENDARS: &str = "CALENDAR#";

/// The schedules of a calendar begin with this.
pub(super) fn schedules(id: &CalendarId) -> String {
    format!("SCHEDULE#{id}#")
}

/// The schedule that a version of a calendar brought about. Padded, so that the newest sorts last.
///
/// It lies beside the calendar, and not under a partition key of its own, so that it belongs to a
/// team and a mode, and is found when everything of a team is deleted, its calendar being long gone.
pub(super) fn schedule(id: &CalendarId, version: Version) -> String {
    format!("{}{:020}", schedules(id), version.get())
}

/// Which calendar is the default one.
pub(super) const DEFAULT_CALENDAR: &str = "DEFAULT#CALENDAR";

/// How many calendars there are.
pub(super) const CALENDAR_COUNT: &str = "COUNT#CALENDAR";

/// How many rules there are.
pub(super) const RULE_COUNT: &str = "COUNT#RULE";

/// How many policies there are.
pub(super) const POLICY_COUNT: &str = "COUNT#POLICY";

/// Only one policy can hold its name: at 200 characters of four bytes still within 1,024 bytes.
pub(super) fn policy_name(name: &PolicyName) -> String {
    format!("UNIQUE#policy-name#{}", name.as_str())
}

/// Only one policy can hold its due time.
pub(super) fn policy_due(due: Minutes) -> String {
    format!("UNIQUE#policy-due#{}", due.get())
}
