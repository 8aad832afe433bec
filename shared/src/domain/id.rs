//! Identifiers: the form of each, and how a new one is made from an instant and random bytes.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Random bytes for a new identifier. The caller provides them: this module is pure.
pub type Randomness = [u8; 10];

/// The most characters of a team id.
const MAX_TEAM_ID_CHARS: usize = 64;

/// An identifier of a resource that clients create.
pub trait NewId {
    /// A new identifier.
    fn new_id(now: Timestamp, random: &Randomness) -> Self;
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The identifier as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

identifier!(
    /// A tenant: a cStar team, or a Rocket.Chat workspace. ASCII letters, digits, `_` and `-`.
    TeamId
);
identifier!(
    /// An SLA rule: `sla_` and the 32 hexadecimal digits of a UUIDv7, so ids sort by creation.
    RuleId
);
identifier!(
    /// An SLA policy: 24 lower-case hexadecimal digits, as Rocket.Chat's database makes them.
    PolicyId
);
identifier!(
    /// A calendar: `cal_` and the 32 hexadecimal digits of a UUIDv7, so ids sort by creation.
    CalendarId
);
identifier!(
    /// A cStar API key as operators name it: `key_` and the digits of a UUIDv7. Not the key itself.
    KeyId
);
identifier!(
    /// A Rocket.Chat user: 17 letters and digits.
    UserId
);
identifier!(
    /// A request, as in `x-cstar-request-id` and in the log: `req_` and the digits of a UUIDv7.
    RequestId
);

identifier!(
    /// A ticket: the client's own id, or `tkt_` and the digits of a UUIDv7.
    TicketId
);
identifier!(
    /// An event of a ticket: the client's own id, or `evt_` and the digits of a UUIDv7.
    EventId
);

identifier!(
    /// A notice: `ntc_` and the 32 hexadecimal digits of a UUIDv7, so ids sort by time.
    NoticeId
);
identifier!(
    /// A webhook: `whk_` and the 32 hexadecimal digits of a UUIDv7, so ids sort by creation.
    WebhookId
);

/// The prefix of delivery ids.
const DELIVERY: &str = "dlv_";

/// The most characters of an id that a client chooses.
pub const MAX_CLIENT_ID_CHARS: usize = 128;

impl TicketId {
    /// Reads a ticket id; `None` if it does not have the form of one.
    pub fn parse(text: &str) -> Option<TicketId> {
        is_client_id(text).then(|| TicketId(text.to_owned()))
    }
}

impl NewId for TicketId {
    fn new_id(now: Timestamp, random: &Randomness) -> TicketId {
        TicketId(sortable("tkt_", now, random))
    }
}

impl EventId {
    /// Reads an event id; `None` if it does not have the form of one.
    pub fn parse(text: &str) -> Option<EventId> {
        is_client_id(text).then(|| EventId(text.to_owned()))
    }
}

impl NewId for EventId {
    fn new_id(now: Timestamp, random: &Randomness) -> EventId {
        EventId(sortable("evt_", now, random))
    }
}

impl NewId for NoticeId {
    fn new_id(now: Timestamp, random: &Randomness) -> NoticeId {
        NoticeId(sortable("ntc_", now, random))
    }
}

impl NoticeId {
    /// What all notice ids begin with.
    pub const PREFIX: &str = "ntc_";

    /// Reads a notice id; `None` if it does not have the form of one.
    pub fn parse(text: &str) -> Option<NoticeId> {
        let digits = text.strip_prefix(NoticeId::PREFIX)?;
        is_lower_hex(digits, 32).then(|| NoticeId(text.to_owned()))
    }

    /// The number that the digits are.
    pub fn number(&self) -> u128 {
        let digits = self.0.trim_start_matches(NoticeId::PREFIX);
        u128::from_str_radix(digits, 16).unwrap_or_default()
    }

    /// The id with this number.
    pub fn of_number(number: u128) -> NoticeId {
        NoticeId(format!("ntc_{number:032x}"))
    }
}

impl NewId for WebhookId {
    fn new_id(now: Timestamp, random: &Randomness) -> WebhookId {
        WebhookId(sortable("whk_", now, random))
    }
}

impl WebhookId {
    /// Reads a webhook id; `None` if it does not have the form of one.
    pub fn parse(text: &str) -> Option<WebhookId> {
        let digits = text.strip_prefix("whk_")?;
        is_lower_hex(digits, 32).then(|| WebhookId(text.to_owned()))
    }
}

/// The id of a delivery: `dlv_` and the digits of its notice and of its webhook.
pub fn delivery_id(notice: &NoticeId, webhook: &WebhookId) -> String {
    let digits = |id: &str| id.get(DELIVERY.len()..).unwrap_or_default().to_owned();
    let (notice, webhook) = (digits(notice.as_str()), digits(webhook.as_str()));
    format!("{DELIVERY}{notice}{webhook}")
}

/// The notice and the webhook of a delivery's id; `None` if it does not have the form of one.
pub fn delivery_parts(id: &str) -> Option<(NoticeId, WebhookId)> {
    let digits = id.strip_prefix(DELIVERY)?;
    let (notice, webhook) = digits.split_at_checked(32)?;
    let notice = NoticeId::parse(&format!("ntc_{notice}"))?;
    Some((notice, WebhookId::parse(&format!("whk_{webhook}"))?))
}

impl TeamId {
    /// A new team's id.
    pub fn new(now: Timestamp, random: &Randomness) -> TeamId {
        TeamId(sortable("team_", now, random))
    }

    /// Reads a team id; `None` if it does not have the form of one.
    ///
    /// The characters are restricted because the id becomes part of a key of the table.
    pub fn parse(text: &str) -> Option<TeamId> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let fits = !text.is_empty() && text.len() <= MAX_TEAM_ID_CHARS;
        (fits && text.chars().all(allowed)).then(|| TeamId(text.to_owned()))
    }
}

impl NewId for RuleId {
    fn new_id(now: Timestamp, random: &Randomness) -> RuleId {
        RuleId::new(now, random)
    }
}

impl RuleId {
    /// A new rule's id.
    pub fn new(now: Timestamp, random: &Randomness) -> RuleId {
        RuleId(sortable("sla_", now, random))
    }

    /// Reads a rule id; `None` if it does not have the form of one.
    pub fn parse(text: &str) -> Option<RuleId> {
        let digits = text.strip_prefix("sla_")?;
        is_lower_hex(digits, 32).then(|| RuleId(text.to_owned()))
    }
}

impl NewId for CalendarId {
    fn new_id(now: Timestamp, random: &Randomness) -> CalendarId {
        CalendarId::new(now, random)
    }
}

impl CalendarId {
    /// A new calendar's id.
    pub fn new(now: Timestamp, random: &Randomness) -> CalendarId {
        CalendarId(sortable("cal_", now, random))
    }

    /// Reads a calendar id; `None` if it does not have the form of one.
    pub fn parse(text: &str) -> Option<CalendarId> {
        let digits = text.strip_prefix("cal_")?;
        is_lower_hex(digits, 32).then(|| CalendarId(text.to_owned()))
    }
}

impl NewId for PolicyId {
    fn new_id(now: Timestamp, random: &Randomness) -> PolicyId {
        PolicyId::new(now, random)
    }
}

impl PolicyId {
    /// A new policy's id.
    pub fn new(now: Timestamp, random: &Randomness) -> PolicyId {
        let seconds = u32::try_from(now.as_second()).unwrap_or(u32::MAX);
        let tail = random.iter().take(8).map(|byte| format!("{byte:02x}"));
        PolicyId(format!("{seconds:08x}{}", tail.collect::<String>()))
    }

    /// Reads a policy id; `None` if it does not have the form of one.
    pub fn parse(text: &str) -> Option<PolicyId> {
        is_lower_hex(text, 24).then(|| PolicyId(text.to_owned()))
    }
}

impl KeyId {
    /// A new key's id.
    pub fn new(now: Timestamp, random: &Randomness) -> KeyId {
        KeyId(sortable("key_", now, random))
    }

    /// Reads a key id; `None` if it does not have the form of one.
    pub fn parse(text: &str) -> Option<KeyId> {
        let digits = text.strip_prefix("key_")?;
        is_lower_hex(digits, 32).then(|| KeyId(text.to_owned()))
    }
}

impl UserId {
    /// The longest user id accepted from a header or an operator.
    pub const MAX_CHARS: usize = 64;

    /// Reads a user id; `None` if it does not have the form of one.
    pub fn parse(text: &str) -> Option<UserId> {
        let fits = !text.is_empty() && text.len() <= UserId::MAX_CHARS;
        let allowed = text.chars().all(|c| c.is_ascii_alphanumeric());
        (fits && allowed).then(|| UserId(text.to_owned()))
    }
}

impl RequestId {
    /// A new request's id.
    pub fn new(now: Timestamp, random: &Randomness) -> RequestId {
        RequestId(sortable("req_", now, random))
    }
}

fn sortable(prefix: &str, now: Timestamp, random: &Randomness) -> String {
    let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
    let uuid = uuid::Builder::from_unix_timestamp_millis(millis, random).into_uuid();
    format!("{prefix}{}", uuid.simple())
}

fn is_client_id(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-');
    (1..=MAX_CLIENT_ID_CHARS).contains(&text.len()) && text.bytes().all(allowed)
}

fn is_lower_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANDOM: Randomness = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    const DIGITS: &str = "0198c0de000070018203040506070809";

    fn now() -> Timestamp {
        Timestamp::from_millisecond(0x0198_c0de_0000).expect("in range")
    }

    #[test]
    fn a_new_id_is_told_and_read_again() {
        let rule = RuleId::new(now(), &RANDOM);
        assert_eq!(rule.to_string(), format!("sla_{DIGITS}"));
        assert_eq!(RuleId::parse(rule.as_str()), Some(rule));
        let calendar = CalendarId::new(now(), &RANDOM);
        assert_eq!(calendar.as_str(), format!("cal_{DIGITS}"));
        assert_eq!(CalendarId::parse(calendar.as_str()), Some(calendar));
        let key = KeyId::new(now(), &RANDOM);
        assert_eq!(key.as_str(), format!("key_{DIGITS}"));
        assert_eq!(KeyId::parse(key.as_str()), Some(key));
        let team = TeamId::new(now(), &RANDOM);
        assert_eq!(team.as_str(), format!("team_{DIGITS}"));
        assert_eq!(TeamId::parse(team.as_str()), Some(team));
        let request = RequestId::new(now(), &RANDOM);
        assert_eq!(request.as_str(), format!("req_{DIGITS}"));
        let policy = PolicyId::new(now(), &RANDOM);
        let seconds = now().as_second();
        assert_eq!(policy.as_str(), format!("{seconds:08x}0001020304050607"));
        assert_eq!(PolicyId::parse(policy.as_str()), Some(policy));
        let webhook = WebhookId::new_id(now(), &RANDOM);
        assert_eq!(webhook.as_str(), format!("whk_{DIGITS}"));
        assert_eq!(WebhookId::parse(webhook.as_str()), Some(webhook));
    }

    #[test]
    fn a_notice_id_is_a_number_and_with_a_webhook_it_is_a_delivery() {
        let notice = NoticeId::new_id(now(), &RANDOM);
        assert_eq!(notice.as_str(), format!("ntc_{DIGITS}"));
        assert_eq!(NoticeId::parse(notice.as_str()).as_ref(), Some(&notice));
        let number = u128::from_str_radix(DIGITS, 16).expect("digits");
        assert_eq!(notice.number(), number);
        assert_eq!(NoticeId::of_number(number), notice);
        let webhook = WebhookId::new_id(now(), &[9; 10]);
        let delivery = delivery_id(&notice, &webhook);
        let webhook_digits = webhook.as_str().trim_start_matches("whk_");
        assert_eq!(delivery, format!("dlv_{DIGITS}{webhook_digits}"));
        assert_eq!(delivery_parts(&delivery), Some((notice, webhook)));
        for other in [
            &delivery[1..],
            &delivery[..67],
            "dlv_",
            &format!("{delivery}0"),
        ] {
            assert_eq!(delivery_parts(other), None, "{other}");
        }
    }

    #[test]
    fn an_id_that_a_client_chooses_has_plain_characters_and_an_end() {
        let longest = "a".repeat(MAX_CLIENT_ID_CHARS);
        for text in ["7", "a.b_c:D-9", longest.as_str()] {
            assert!(TicketId::parse(text).is_some(), "{text}");
            assert!(EventId::parse(text).is_some(), "{text}");
        }
        for text in ["", "a b", "a/b", "a#b", "é", &format!("{longest}a")] {
            assert_eq!(TicketId::parse(text), None, "{text}");
            assert_eq!(EventId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_id_has_exactly_its_digits_and_they_are_lower_case() {
        let spoiled = |id: &str| {
            let shorter = id.get(..id.len() - 1).unwrap_or_default();
            let (upper, other) = (id.replace('f', "F"), id.replace('f', "g"));
            [shorter.to_owned(), format!("{id}0"), upper, other]
        };
        let digits = DIGITS.replace('0', "f");
        for text in spoiled(&format!("sla_{digits}")) {
            assert_eq!(RuleId::parse(&text), None, "{text}");
        }
        for text in spoiled(&format!("cal_{digits}")) {
            assert_eq!(CalendarId::parse(&text), None, "{text}");
        }
        for text in spoiled(&format!("key_{digits}")) {
            assert_eq!(KeyId::parse(&text), None, "{text}");
        }
        for text in spoiled("641db89a7718f90c810429cc") {
            assert_eq!(PolicyId::parse(&text), None, "{text}");
        }
        assert_eq!(RuleId::parse(&format!("cal_{digits}")), None);
    }

    #[test]
    fn what_comes_from_elsewhere_has_plain_characters_and_an_end() {
        let longest = "a".repeat(64);
        for text in ["a", "Z", "9", longest.as_str()] {
            assert!(TeamId::parse(text).is_some(), "{text}");
            assert!(UserId::parse(text).is_some(), "{text}");
        }
        let longer = "a".repeat(65);
        for text in ["", "é", "a b", "a#b", longer.as_str()] {
            assert_eq!(TeamId::parse(text), None, "{text}");
            assert_eq!(UserId::parse(text), None, "{text}");
        }
        for text in ["_", "-"] {
            assert!(TeamId::parse(text).is_some(), "{text}");
            assert_eq!(UserId::parse(text), None, "{text}");
        }
    }
}
