//! What a handler is given.

use std::marker::PhantomData;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use lambda_http::http::Method;
use serde_json::Map;

use crate::api::Endpoint;
use crate::dialect::Dialect;
use crate::domain::calendar::HOLIDAYS_MAX;
use crate::domain::id::{CalendarId, PolicyId, RuleId};
use crate::domain::principal::Principal;
use crate::domain::version::Version;
use crate::fields::json::{self, Repeated};
use crate::fields::{Fields, MAX_BODY_BYTES};
use crate::icalendar::{self, MAX_HOLIDAY_FILE_BYTES, Refusal, Unreadable};
use crate::idempotency::Once;
use crate::problem::{Allowed, Fault, Problem, Resource, Violation};
use crate::reply::{self, Reply};
use crate::serve::event::Request;
use crate::serve::randomness;
use crate::store::Store;
use crate::store::team::{TeamStore, TeamWriter};

const JSON: &str = "application/json";
const CALENDAR: &str = "text/calendar";
const JSON_OR_MERGE_PATCH: &str = "application/json' or 'application/merge-patch+json";
const MERGE_PATCH: &str = "application/merge-patch+json";

/// A request by anyone.
#[derive(Clone)]
pub struct PublicCall {
    request: Arc<Request>,
    endpoint: &'static Endpoint,
    now: Timestamp,
    revision: String,
    store: Option<Store>,
}

/// A request by a caller who is authenticated, within the limit, and authorised: evidence, since
/// nothing but [`crate::serve`] can make one. `Rights` is what its stores allow.
pub struct Call<Rights = Writes> {
    public: PublicCall,
    store: Store,
    principal: Principal,
    rights: PhantomData<Rights>,
}

/// A request that only reads. It may be made ahead of the admission; its answer is released only
/// behind it.
pub type ReadCall = Call<Reads>;

/// The right to read what the team has.
pub struct Reads;

/// The right to change it as well.
pub struct Writes;

impl PublicCall {
    pub(super) fn new(
        request: Request,
        endpoint: &'static Endpoint,
        now: Timestamp,
        revision: String,
        store: Option<Store>,
    ) -> PublicCall {
        PublicCall {
            request: Arc::new(request),
            endpoint,
            now,
            revision,
            store,
        }
    }

    /// When the request came in. Read once: a request has one now.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The path, percent-decoded, without its query.
    pub fn path(&self) -> &str {
        &self.request.path
    }

    /// The git revision that is running.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// Asks whether the table can be reached.
    pub async fn ping(&self) -> Result<(), Problem> {
        self.store()?.ping().await
    }

    /// What `If-None-Match` says.
    pub fn if_none_match(&self) -> Option<&str> {
        self.header("if-none-match")
    }

    /// Whether the caller takes a body that is compressed with gzip.
    pub fn accepts_gzip(&self) -> bool {
        self.request.accepts_gzip()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.request.headers.get(name).map(String::as_str)
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.request.parameters.get(name).map(String::as_str)
    }

    pub(super) fn address(&self) -> Option<IpAddr> {
        self.request.address
    }

    pub(super) fn store(&self) -> Result<Store, Problem> {
        let missing = || Problem::Internal("this endpoint is declared to need no table".into());
        self.store.clone().ok_or_else(missing)
    }
}

impl<Rights> Call<Rights> {
    pub(super) fn new(public: PublicCall, store: Store, principal: Principal) -> Call<Rights> {
        Call {
            public,
            store,
            principal,
            rights: PhantomData,
        }
    }

    /// When the request came in.
    pub fn now(&self) -> Timestamp {
        self.public.now
    }

    /// What the caller's team has, to be read.
    pub fn store(&self) -> TeamStore {
        self.store.team(&self.principal)
    }

    /// The members of the body.
    ///
    /// cStar wants JSON, declared as such, that says nothing twice. To Rocket.Chat whatever is not
    /// JSON is an empty object, and the last of two members counts.
    pub fn fields(&self) -> Result<Fields, Problem> {
        let request = &self.public.request;
        let members = match self.public.endpoint.dialect {
            Dialect::Cstar => {
                let patch = self.public.endpoint.method == Method::PATCH;
                let declared = request.declares(JSON) || (patch && request.declares(MERGE_PATCH));
                if !request.body.is_empty() && !declared {
                    let expected = if patch { JSON_OR_MERGE_PATCH } else { JSON };
                    return Err(Problem::UnsupportedMediaType { expected });
                }
                json::object(&request.body.bytes(MAX_BODY_BYTES)?, Repeated::Refused)?
            }
            Dialect::RocketChat => {
                let read = request.body.bytes(MAX_BODY_BYTES).and_then(|read| {
                    let declared = request.declares(JSON);
                    json::object(if declared { &read } else { b"{}" }, Repeated::LastCounts)
                });
                match read {
                    Err(Problem::InvalidJson { .. }) => Map::new(),
                    read => read?,
                }
            }
        };
        Ok(Fields::new(members))
    }

    /// What `If-None-Match` says.
    pub fn if_none_match(&self) -> Option<&str> {
        self.public.header("if-none-match")
    }

    /// The query string, as it was sent.
    pub fn query(&self) -> &str {
        &self.public.request.query
    }

    /// A parameter of the path, percent-decoded; empty if the path has none of this name.
    pub fn parameter(&self, name: &str) -> &str {
        self.public.parameter(name).unwrap_or_default()
    }

    /// Where something of the same kind as this request's path is found.
    pub fn location(&self, id: &str) -> String {
        format!("{}/{id}", self.public.path())
    }
}

impl Call {
    /// What the caller's team has, to be changed.
    pub fn writer(&self) -> TeamWriter {
        self.store.team_writer(&self.principal)
    }

    /// The dates of the body, an iCalendar file; none only if the query says `allowEmpty=true`.
    pub fn holidays(&self) -> Result<Vec<Date>, Problem> {
        let request = &self.public.request;
        if !request.declares(CALENDAR) {
            return Err(Problem::UnsupportedMediaType { expected: CALENDAR });
        }
        let body = request.body.bytes(MAX_HOLIDAY_FILE_BYTES)?;
        let empty = EmptyFile::read(self.query())?;
        let today = self.now().to_zoned(TimeZone::UTC).date();
        let file = icalendar::read(&body, today).map_err(|refusal| match refusal {
            Refusal::Unreadable(Unreadable { line, reason }) => {
                Problem::InvalidHolidays { line, reason }
            }
            Refusal::TooManyDates => Problem::LimitExceeded {
                resource: Resource::Holiday,
                max: u32::try_from(HOLIDAYS_MAX).unwrap_or(u32::MAX),
            },
        })?;
        if file.dates.is_empty() && empty == EmptyFile::Refused {
            return Err(Problem::NoHolidays {
                all_day_events: file.all_day_events,
                timed_events: file.timed_events,
                cancelled_events: file.cancelled_events,
            });
        }
        Ok(file.dates)
    }

    /// The request as one that is to be done once, if it says so.
    pub fn once(&self, fields: &Fields) -> Result<Once, Problem> {
        let Principal { team, mode, .. } = &self.principal;
        let method = self.public.endpoint.method.as_str();
        let within = [team.as_str(), mode.as_str(), method, self.public.path()];
        let header = self.public.header("idempotency-key");
        Once::read(header, &within, || fields.fingerprint(), self.now())
    }

    /// Whether the version that is there is the one that `If-Match` wants deleted.
    pub fn check_version(&self, version: Version) -> Result<(), Problem> {
        let wanted = reply::matches(self.if_match(), version);
        if wanted {
            Ok(())
        } else {
            Err(Problem::PreconditionFailed)
        }
    }

    /// Whether the version that is there is the one that `If-Match` wants changed. If it is not,
    /// perhaps this very request has changed it before: then its reply is told again.
    pub async fn check(&self, version: Version, once: &Once) -> Result<Option<Reply>, Problem> {
        if reply::matches(self.if_match(), version) {
            return Ok(None);
        }
        let earlier = match once.scope() {
            Some(scope) => self.store.recorded(scope, self.now()).await?,
            None => None,
        };
        once.replay(earlier.ok_or(Problem::PreconditionFailed)?)
            .map(Some)
    }

    /// What `If-Match` says. Rocket.Chat knows no such thing.
    fn if_match(&self) -> Option<&str> {
        match self.public.endpoint.dialect {
            Dialect::Cstar => self.public.header("if-match"),
            Dialect::RocketChat => None,
        }
    }

    /// A new rule's id.
    pub fn new_rule_id(&self) -> RuleId {
        RuleId::new(self.now(), &randomness())
    }

    /// A new calendar's id.
    pub fn new_calendar_id(&self) -> CalendarId {
        CalendarId::new(self.now(), &randomness())
    }

    /// A new policy's id.
    pub fn new_policy_id(&self) -> PolicyId {
        PolicyId::new(self.now(), &randomness())
    }
}

/// What happens to a file that gives no holidays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EmptyFile {
    /// It is refused: more likely than a calendar without holidays is an export that went wrong.
    Refused,
    /// It removes all holidays.
    Allowed,
}

impl EmptyFile {
    const PARAMETER: &str = "allowEmpty";

    /// Reads a query. Other parameters are ignored, as everywhere in this dialect.
    fn read(query: &str) -> Result<EmptyFile, Problem> {
        let given = form_urlencoded::parse(query.as_bytes());
        let mut given = given.filter(|(name, _)| name == Self::PARAMETER);
        let value = given.next().map(|(_, value)| value);
        match (value.as_deref(), given.next()) {
            (None | Some("false"), None) => Ok(EmptyFile::Refused),
            (Some("true"), None) => Ok(EmptyFile::Allowed),
            _ => Err(Problem::Invalid(vec![Violation {
                field: Self::PARAMETER.into(),
                fault: Fault::Type,
                allowed: Allowed::Boolean,
            }])),
        }
    }
}

impl<Rights> Clone for Call<Rights> {
    fn clone(&self) -> Call<Rights> {
        Call::new(
            self.public.clone(),
            self.store.clone(),
            self.principal.clone(),
        )
    }
}
