//! The HTTP surface on one page: every endpoint, product by product.
//!
//! `functions/`, `template.yaml`, `openapi.json` and the watch router in `Cargo.toml` declare the
//! same set; `tests/contract.rs` compares them and says what is missing where.
//!
//! The type of an endpoint decides the type of its handler's call. The store of a [`Read`] endpoint
//! cannot write, so a writing endpoint that is declared as a read does not compile.
//!
//! ```compile_fail,E0599
//! use shared::api;
//! use shared::reply::{Answer, Reply};
//! use shared::serve::{call::ReadCall, serve};
//!
//! async fn delete(call: ReadCall) -> Answer {
//!     let rule = call.store().rules().find(call.parameter("ruleId")).await?;
//!     call.store().rules().delete(&rule).await?;
//!     Reply::deleted(&rule.id)
//! }
//!
//! serve(&api::RULE_GET, delete);
//! ```

use lambda_http::http::Method;

use crate::dialect::Dialect;
use crate::domain::principal::Permission;

/// One endpoint: one file in `functions/`, one Lambda function, one resource in the template.
#[derive(Debug)]
pub struct Endpoint {
    /// The name of its file and binary, such as `rule-create`.
    pub name: &'static str,
    /// Its method.
    pub method: Method,
    /// Its path, with parameters in braces; `$default` for requests that no other endpoint matches.
    pub path: &'static str,
    /// The dialect of its clients.
    pub dialect: Dialect,
    /// Who may call it.
    pub access: Access,
    /// What it does to the table. The constructor decides it, and the type of the handler's call.
    effect: Effect,
    has_body: bool,
}

/// An endpoint that only reads: its handler gets a [`ReadCall`](crate::serve::call::ReadCall), so it
/// may run beside the admission.
#[derive(Debug)]
pub struct Read(Endpoint);

/// An endpoint that writes: its handler gets a [`Call`](crate::serve::call::Call), after the admission.
#[derive(Debug)]
pub struct Write(Endpoint);

/// An endpoint that is open to anyone: its handler gets a [`PublicCall`](crate::serve::call::PublicCall).
#[derive(Debug)]
pub struct Public(Endpoint);

/// Who may call an endpoint.
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
    /// It does not use the table.
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
const SETTINGS: &str = "/api/v1/teams/{teamId}/sla/settings";
const TICKETS: &str = "/api/v1/teams/{teamId}/sla/tickets";
const TICKET: &str = "/api/v1/teams/{teamId}/sla/tickets/{ticketId}";
const EVENTS: &str = "/api/v1/teams/{teamId}/sla/tickets/{ticketId}/events";
const RECALCULATIONS: &str = "/api/v1/teams/{teamId}/sla/recalculations";
const REPORT: &str = "/api/v1/teams/{teamId}/sla/report";
const CYCLES: &str = "/api/v1/teams/{teamId}/sla/cycles";
const NOTICES: &str = "/api/v1/teams/{teamId}/sla/notices";
const WEBHOOKS: &str = "/api/v1/teams/{teamId}/sla/webhooks";
const WEBHOOK: &str = "/api/v1/teams/{teamId}/sla/webhooks/{webhookId}";
const ROTATE: &str = "/api/v1/teams/{teamId}/sla/webhooks/{webhookId}/rotate";
const TEST: &str = "/api/v1/teams/{teamId}/sla/webhooks/{webhookId}/test";
const DELIVERIES: &str = "/api/v1/teams/{teamId}/sla/webhooks/{webhookId}/deliveries";
const RETRY: &str = "/api/v1/teams/{teamId}/sla/deliveries/{deliveryId}/retry";
const INQUIRY: &str = "/api/v1/livechat/inquiry.setSLA";
const PREVIEW: &str = "/api/v1/teams/{teamId}/sla/preview";
const SECRET_KEY: Access = Access::SecretKey;
const MANAGE: Access = Access::User(&[Permission::ManageLivechatSla]);
const VIEW: Access = Access::User(&[Permission::ManageLivechatSla, Permission::ViewLivechatRoom]);

/// Lists and searches a workspace's SLA policies.
pub static POLICY_LIST: Read = Read::new("policy-list", Method::GET, POLICIES, VIEW);

/// Creates an SLA policy.
pub static POLICY_CREATE: Write = Write::new("policy-create", Method::POST, POLICIES, MANAGE);

/// Reads an SLA policy.
pub static POLICY_GET: Read = Read::new("policy-get", Method::GET, POLICY, VIEW);

/// Replaces an SLA policy.
pub static POLICY_UPDATE: Write = Write::new("policy-update", Method::PUT, POLICY, MANAGE);

/// Deletes an SLA policy.
pub static POLICY_DELETE: Write = Write::new("policy-delete", Method::DELETE, POLICY, MANAGE);

/// Assigns an SLA policy to a live ticket.
pub static INQUIRY_SET_SLA: Write = Write::new("inquiry-set-sla", Method::PUT, INQUIRY, VIEW);

/// Lists a team's SLA rules.
pub static RULE_LIST: Read = Read::new("rule-list", Method::GET, RULES, SECRET_KEY);

/// Creates an SLA rule.
pub static RULE_CREATE: Write = Write::new("rule-create", Method::POST, RULES, SECRET_KEY);

/// Reads an SLA rule.
pub static RULE_GET: Read = Read::new("rule-get", Method::GET, RULE, SECRET_KEY);

/// Changes members of an SLA rule.
pub static RULE_UPDATE: Write = Write::new("rule-update", Method::PATCH, RULE, SECRET_KEY);

/// Deletes an SLA rule.
pub static RULE_DELETE: Write = Write::new("rule-delete", Method::DELETE, RULE, SECRET_KEY);

/// Lists a team's calendars.
pub static CALENDAR_LIST: Read = Read::new("calendar-list", Method::GET, CALENDARS, SECRET_KEY);

/// Creates a calendar.
pub static CALENDAR_CREATE: Write =
    Write::new("calendar-create", Method::POST, CALENDARS, SECRET_KEY);

/// Reads a calendar.
pub static CALENDAR_GET: Read = Read::new("calendar-get", Method::GET, CALENDAR, SECRET_KEY);

/// Changes members of a calendar.
pub static CALENDAR_UPDATE: Write =
    Write::new("calendar-update", Method::PATCH, CALENDAR, SECRET_KEY);

/// Deletes a calendar that no rule names.
pub static CALENDAR_DELETE: Write =
    Write::new("calendar-delete", Method::DELETE, CALENDAR, SECRET_KEY);

/// Replaces a calendar's holidays with those of an iCalendar file.
pub static HOLIDAY_REPLACE: Write =
    Write::new("holiday-replace", Method::PUT, HOLIDAYS, SECRET_KEY);

/// Reads a team's settings.
pub static SETTINGS_GET: Read = Read::new("settings-get", Method::GET, SETTINGS, SECRET_KEY);

/// Changes a team's settings.
pub static SETTINGS_UPDATE: Write =
    Write::new("settings-update", Method::PATCH, SETTINGS, SECRET_KEY);

/// Lists a team's tickets.
pub static TICKET_LIST: Read = Read::new("ticket-list", Method::GET, TICKETS, SECRET_KEY);

/// Creates a ticket.
pub static TICKET_CREATE: Write = Write::new("ticket-create", Method::POST, TICKETS, SECRET_KEY);

/// Reads a ticket.
pub static TICKET_GET: Read = Read::new("ticket-get", Method::GET, TICKET, SECRET_KEY);

/// Deletes a ticket with everything about it.
pub static TICKET_DELETE: Write = Write::new("ticket-delete", Method::DELETE, TICKET, SECRET_KEY);

/// Adds events to a ticket.
pub static EVENT_CREATE: Write = Write::new("event-create", Method::POST, EVENTS, SECRET_KEY);

/// Computes when a ticket would fall due.
pub static PREVIEW_CREATE: Read = Read::new("preview-create", Method::POST, PREVIEW, SECRET_KEY);

/// Plans open tickets anew by the rules and calendars of today, or tells what that would change.
pub static RECALCULATION_CREATE: Write = Write::new(
    "recalculation-create",
    Method::POST,
    RECALCULATIONS,
    SECRET_KEY,
);

/// Reports how many targets were met in a span of days.
pub static REPORT_GET: Read = Read::new("report-get", Method::GET, REPORT, SECRET_KEY);

/// Lists the facts behind reports.
pub static CYCLE_LIST: Read = Read::new("cycle-list", Method::GET, CYCLES, SECRET_KEY);

/// Reads the feed of a team's notices.
pub static NOTICE_LIST: Read = Read::new("notice-list", Method::GET, NOTICES, SECRET_KEY);

/// Creates a webhook.
pub static WEBHOOK_CREATE: Write = Write::new("webhook-create", Method::POST, WEBHOOKS, SECRET_KEY);

/// Lists a team's webhooks.
pub static WEBHOOK_LIST: Read = Read::new("webhook-list", Method::GET, WEBHOOKS, SECRET_KEY);

/// Reads a webhook.
pub static WEBHOOK_GET: Read = Read::new("webhook-get", Method::GET, WEBHOOK, SECRET_KEY);

/// Changes members of a webhook.
pub static WEBHOOK_UPDATE: Write = Write::new("webhook-update", Method::PATCH, WEBHOOK, SECRET_KEY);

/// Deletes a webhook.
pub static WEBHOOK_DELETE: Write =
    Write::new("webhook-delete", Method::DELETE, WEBHOOK, SECRET_KEY);

/// Gives a webhook another secret.
pub static WEBHOOK_ROTATE: Write =
    Write::new("webhook-rotate", Method::POST, ROTATE, SECRET_KEY).without_body();

/// Sends a test to a webhook. It writes nothing, but what it does must wait for the admission.
pub static WEBHOOK_TEST: Write =
    Write::new("webhook-test", Method::POST, TEST, SECRET_KEY).without_body();

/// Lists the deliveries to a webhook.
pub static DELIVERY_LIST: Read = Read::new("delivery-list", Method::GET, DELIVERIES, SECRET_KEY);

/// Attempts a delivery anew.
pub static DELIVERY_RETRY: Write =
    Write::new("delivery-retry", Method::POST, RETRY, SECRET_KEY).without_body();

/// Reports whether the service is healthy.
pub static HEALTH_GET: Public =
    Public::new("health-get", Method::GET, "/api/v1/health", Effect::Read);

/// Serves this surface as OpenAPI.
pub static OPENAPI_GET: Public = Public::new(
    "openapi-get",
    Method::GET,
    "/api/v1/openapi.json",
    Effect::None,
);

/// Serves the page that shows the contract.
pub static DOCS_GET: Public = Public::new("docs-get", Method::GET, "/api/v1/docs", Effect::None);

/// Serves a file of that page.
pub static DOCS_FILE_GET: Public = Public::new(
    "docs-file-get",
    Method::GET,
    "/api/v1/docs/{file}",
    Effect::None,
);

/// Answers requests that no other endpoint matches, in the dialect of the path.
pub static ROUTE_UNKNOWN: Public =
    Public::new("route-unknown", Method::GET, "$default", Effect::None);

/// Every endpoint.
pub static ALL: &[&Endpoint] = &[
    &POLICY_LIST.0,
    &POLICY_CREATE.0,
    &POLICY_GET.0,
    &POLICY_UPDATE.0,
    &POLICY_DELETE.0,
    &INQUIRY_SET_SLA.0,
    &RULE_LIST.0,
    &RULE_CREATE.0,
    &RULE_GET.0,
    &RULE_UPDATE.0,
    &RULE_DELETE.0,
    &CALENDAR_LIST.0,
    &CALENDAR_CREATE.0,
    &CALENDAR_GET.0,
    &CALENDAR_UPDATE.0,
    &CALENDAR_DELETE.0,
    &HOLIDAY_REPLACE.0,
    &SETTINGS_GET.0,
    &SETTINGS_UPDATE.0,
    &TICKET_LIST.0,
    &TICKET_CREATE.0,
    &TICKET_GET.0,
    &TICKET_DELETE.0,
    &EVENT_CREATE.0,
    &PREVIEW_CREATE.0,
    &RECALCULATION_CREATE.0,
    &REPORT_GET.0,
    &CYCLE_LIST.0,
    &NOTICE_LIST.0,
    &WEBHOOK_CREATE.0,
    &WEBHOOK_LIST.0,
    &WEBHOOK_GET.0,
    &WEBHOOK_UPDATE.0,
    &WEBHOOK_DELETE.0,
    &WEBHOOK_ROTATE.0,
    &WEBHOOK_TEST.0,
    &DELIVERY_LIST.0,
    &DELIVERY_RETRY.0,
    &HEALTH_GET.0,
    &OPENAPI_GET.0,
    &DOCS_GET.0,
    &DOCS_FILE_GET.0,
    &ROUTE_UNKNOWN.0,
];

impl Read {
    const fn new(name: &'static str, method: Method, path: &'static str, access: Access) -> Read {
        Read(Endpoint::new(name, method, path, access, Effect::Read))
    }

    /// Its declaration.
    pub const fn endpoint(&self) -> &Endpoint {
        &self.0
    }
}

impl Write {
    const fn new(name: &'static str, method: Method, path: &'static str, access: Access) -> Write {
        Write(Endpoint::new(name, method, path, access, Effect::Write))
    }

    /// The endpoint as one whose path says everything.
    const fn without_body(mut self) -> Write {
        self.0.has_body = false;
        self
    }

    /// Its declaration.
    pub const fn endpoint(&self) -> &Endpoint {
        &self.0
    }
}

impl Public {
    const fn new(name: &'static str, method: Method, path: &'static str, effect: Effect) -> Public {
        Public(Endpoint::new(name, method, path, Access::Anyone, effect))
    }

    /// Its declaration.
    pub const fn endpoint(&self) -> &Endpoint {
        &self.0
    }
}

impl Endpoint {
    const fn new(
        name: &'static str,
        method: Method,
        path: &'static str,
        access: Access,
        effect: Effect,
    ) -> Endpoint {
        let dialect = match access {
            Access::User(_) => Dialect::RocketChat,
            Access::SecretKey | Access::Anyone => Dialect::Cstar,
        };
        Endpoint {
            name,
            path,
            dialect,
            access,
            effect,
            has_body: matches!(method, Method::POST | Method::PUT | Method::PATCH),
            method,
        }
    }

    /// What it does to the table.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// Whether this is the endpoint for requests that no other endpoint matches.
    pub fn is_default(&self) -> bool {
        self.path == ROUTE_UNKNOWN.0.path
    }

    /// Whether its requests have a body.
    pub fn has_body(&self) -> bool {
        self.has_body
    }

    /// Whether a path is this endpoint's, with any parameters.
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

/// The methods of the endpoints at a path, as `Allow` lists them; `None` if there are none.
pub fn allow(path: &str) -> Option<String> {
    let methods: Vec<&str> = ALL
        .iter()
        .filter(|endpoint| endpoint.takes(path))
        .map(|endpoint| endpoint.method.as_str())
        .collect();
    (!methods.is_empty()).then(|| methods.join(", "))
}
