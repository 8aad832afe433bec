//! The HTTP surface on one page: every endpoint, in the order in which clients meet them.
//!
//! `functions/`, `template.yaml`, `openapi.json` and the watch router in `Cargo.toml` tell the
//! same set; `tests/contract.rs` compares them and says what is missing where.

use lambda_http::http::Method;

use crate::dialect::Dialect;
use crate::domain::principal::Permission;

/// One endpoint: one file in `functions/`, one Lambda function, one resource in the template.
#[derive(Debug)]
pub struct Endpoint {
    /// The name of its file and binary, such as `rule-create`.
    pub name: &'static str,
    /// The method it answers.
    pub method: Method,
    /// Its path, with parameters in braces; `$default` for whatever no other path takes.
    pub path: &'static str,
    /// Whose client it speaks to.
    pub dialect: Dialect,
    /// Whom it lets in.
    pub access: Access,
    /// What it does to the table.
    pub effect: Effect,
}

/// Whom an endpoint lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everyone.
    Anyone,
    /// Holders of a secret key of the team in the path.
    SecretKey,
    /// Users with any of these permissions, in a workspace on the premium plan.
    User(&'static [Permission]),
}

/// What an endpoint does to the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It never asks the table.
    None,
    /// It only reads, so it may run beside the admission: see [`crate::serve`].
    Read,
    /// It writes, so it waits for the admission.
    Write,
}

const POLICIES: &str = "/api/v1/livechat/sla";
const POLICY: &str = "/api/v1/livechat/sla/{slaId}";
const RULES: &str = "/api/v1/teams/{teamId}/sla/rules";
const RULE: &str = "/api/v1/teams/{teamId}/sla/rules/{ruleId}";
const CALENDARS: &str = "/api/v1/teams/{teamId}/sla/calendars";
const CALENDAR: &str = "/api/v1/teams/{teamId}/sla/calendars/{calendarId}";
const HOLIDAYS: &str = "/api/v1/teams/{teamId}/sla/calendars/{calendarId}/holidays";
const PREVIEW: &str = "/api/v1/teams/{teamId}/sla/preview";
const MANAGE: &[Permission] = &[Permission::ManageLivechatSla];
const VIEW: &[Permission] = &[Permission::ManageLivechatSla, Permission::ViewLivechatRoom];

/// Lists and searches a workspace's SLA policies.
pub const POLICY_LIST: Endpoint = Endpoint {
    name: "policy-list",
    method: Method::GET,
    path: POLICIES,
    dialect: Dialect::RocketChat,
    access: Access::User(VIEW),
    effect: Effect::Read,
};

/// Creates an SLA policy.
pub const POLICY_CREATE: Endpoint = Endpoint {
    name: "policy-create",
    method: Method::POST,
    path: POLICIES,
    dialect: Dialect::RocketChat,
    access: Access::User(MANAGE),
    effect: Effect::Write,
};

/// Reads an SLA policy.
pub const POLICY_GET: Endpoint = Endpoint {
    name: "policy-get",
    method: Method::GET,
    path: POLICY,
    dialect: Dialect::RocketChat,
    access: Access::User(VIEW),
    effect: Effect::Read,
};

/// Replaces an SLA policy.
pub const POLICY_UPDATE: Endpoint = Endpoint {
    name: "policy-update",
    method: Method::PUT,
    path: POLICY,
    dialect: Dialect::RocketChat,
    access: Access::User(MANAGE),
    effect: Effect::Write,
};

/// Deletes an SLA policy.
pub const POLICY_DELETE: Endpoint = Endpoint {
    name: "policy-delete",
    method: Method::DELETE,
    path: POLICY,
    dialect: Dialect::RocketChat,
    access: Access::User(MANAGE),
    effect: Effect::Write,
};

/// Lists a team's SLA rules.
pub const RULE_LIST: Endpoint = Endpoint {
    name: "rule-list",
    method: Method::GET,
    path: RULES,
    dialect: Dialect::Cstar,
    access: Access::SecretKey,
    effect: Effect::Read,
};

/// Creates an SLA rule.
pub const RULE_CREATE: Endpoint = Endpoint {
    name: "rule-create",
    method: Method::POST,
    path: RULES,
    dialect: Dialect::Cstar,
    access: Access::SecretKey,
    effect: Effect::Write,
};

/// Reads an SLA rule.
pub const RULE_GET: Endpoint = Endpoint {
    name: "rule-get",
    method: Method::GET,
    path: RULE,
    dialect: Dialect::Cstar,
    access: Access::SecretKey,
    effect: Effect::Read,
};

/// Changes members of an SLA rule.
pub const RULE_UPDATE: Endpoint = Endpoint {
    name: "rule-update",
    method: Method::PATCH,
    path: RULE,
    dialect: Dialect::Cstar,
    access: Access::SecretKey,
    effect: Effect::Write,
};

/// Deletes an SLA rule.
pub const RULE_DELETE: Endpoint = Endpoint {
    name: "rule-delete",
    method: Method::DELETE,
    path: RULE,
    dialect: Dialect::Cstar,
    access: Access::SecretKey,
    effect: Effect::Write,
};

/// Lists a team's calendars.
pub const CALENDAR_LIST: Endpoint = Endpoint {
    name: "calendar-list",
    method: Method::GET,
    path: CALENDARS,
    dialect: Dialect::Cstar,
    access: Access::SecretKey,
    effect: Effect::Read,
};

/// Creates a calendar.
pub const CALENDAR_CREATE: Endpoint = Endpoint {
    name: "calendar-create",
    method: Method::POST,
    path: CALENDARS,
    dialect: Dialect::Cstar,
    access: Access::SecretKey,
    effect: Effect::Write,
};

/// Reads a calendar.
pub const CALENDAR_GET: Endpoint = Endpoint {
    name: "calendar-get",
    method: Method::GET,
    path: CALENDAR,
    dialect: Dialect::Cstar,
    access: Access::SecretKey,
    effect: Effect::Read,
};

/// Changes members of a calendar.
pub const CALENDAR_UPDATE: Endpoint = Endpoint {
    name: "calendar-update",
    method: Method::PATCH,
    path: CALENDAR,
    dialect: Dialect::Cstar,
    access: Access::SecretKey,
    effect: Effect::Write,
};

/// Deletes a calendar that no rule names.
pub const CALENDAR_DELETE: Endpoint = Endpoint {
    name: "calendar-delete",
    method: Method::DELETE,
    path: CALENDAR,
    dialect: Dialect::Cstar,
    access: Access::SecretKey,
    effect: Effect::Write,
};

/// Replaces a calendar's holidays by those of an iCalendar file.
pub const HOLIDAY_REPLACE: Endpoint = Endpoint {
    name: "holiday-replace",
    method: Method::PUT,
    path: HOLIDAYS,
    dialect: Dialect::Cstar,
    access: Access::SecretKey,
    effect: Effect::Write,
};

/// Tells when a ticket would fall due, and why.
pub const PREVIEW_CREATE: Endpoint = Endpoint {
    name: "preview-create",
    method: Method::POST,
    path: PREVIEW,
    dialect: Dialect::Cstar,
    access: Access::SecretKey,
    effect: Effect::Read,
};

/// Tells whether the service is well.
pub const HEALTH_GET: Endpoint = Endpoint {
    name: "health-get",
    method: Method::GET,
    path: "/api/v1/health",
    dialect: Dialect::Cstar,
    access: Access::Anyone,
    effect: Effect::Read,
};

/// Tells this surface, as OpenAPI.
pub const OPENAPI_GET: Endpoint = Endpoint {
    name: "openapi-get",
    method: Method::GET,
    path: "/api/v1/openapi.json",
    dialect: Dialect::Cstar,
    access: Access::Anyone,
    effect: Effect::None,
};

/// Answers whatever no other endpoint answers, in the dialect of the path.
pub const ROUTE_UNKNOWN: Endpoint = Endpoint {
    name: "route-unknown",
    method: Method::GET,
    path: "$default",
    dialect: Dialect::Cstar,
    access: Access::Anyone,
    effect: Effect::None,
};

/// Every endpoint.
pub const ALL: &[&Endpoint] = &[
    &POLICY_LIST,
    &POLICY_CREATE,
    &POLICY_GET,
    &POLICY_UPDATE,
    &POLICY_DELETE,
    &RULE_LIST,
    &RULE_CREATE,
    &RULE_GET,
    &RULE_UPDATE,
    &RULE_DELETE,
    &CALENDAR_LIST,
    &CALENDAR_CREATE,
    &CALENDAR_GET,
    &CALENDAR_UPDATE,
    &CALENDAR_DELETE,
    &HOLIDAY_REPLACE,
    &PREVIEW_CREATE,
    &HEALTH_GET,
    &OPENAPI_GET,
    &ROUTE_UNKNOWN,
];

impl Endpoint {
    /// Whether this is the endpoint of last resort.
    pub fn is_default(&self) -> bool {
        self.path == ROUTE_UNKNOWN.path
    }

    /// Whether its requests have a body.
    pub fn has_body(&self) -> bool {
        [Method::POST, Method::PUT, Method::PATCH].contains(&self.method)
    }

    /// Whether `path` is one of this endpoint's.
    pub fn takes(&self, path: &str) -> bool {
        let mut pattern = self.path.split('/');
        let mut segments = path.split('/');
        loop {
            match (pattern.next(), segments.next()) {
                (None, None) => return true,
                (Some(expected), Some(segment)) => {
                    let parameter = expected.starts_with('{') && !segment.is_empty();
                    if !parameter && expected != segment {
                        return false;
                    }
                }
                _ => return false,
            }
        }
    }
}

/// The methods that `path` answers, as `Allow` lists them; `None` if nothing is there.
pub fn allow(path: &str) -> Option<String> {
    let methods: Vec<&str> = ALL
        .iter()
        .filter(|endpoint| endpoint.takes(path))
        .map(|endpoint| endpoint.method.as_str())
        .collect();
    (!methods.is_empty()).then(|| methods.join(", "))
}
