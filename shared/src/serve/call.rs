//! What a handler is given.

use std::borrow::Cow;
use std::future::Future;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use lambda_http::http::Method;
use serde_json::{Map, Value};

use crate::api::{Effect, Endpoint};
use crate::config::Config;
use crate::dialect::Dialect;
use crate::domain::id::{NewId, TeamId};
use crate::domain::principal::Principal;
use crate::domain::version::Version;
use crate::domain::webhook_url::Loopback;
use crate::fields::json::{self, Repeated};
use crate::fields::{Fields, MAX_BODY_BYTES};
use crate::idempotency::{self, IdempotencyKey};
use crate::problem::{Problem, TeamProblem};
use crate::random;
use crate::reply::{self, Answer, Reply};
use crate::serve::event::Request;
use crate::store::Store;
use crate::store::idempotency::{Recording, Written};
use crate::store::team::{ReadOnly, ReadWrite, TeamStore};

const JSON: &str = "application/json";
const JSON_OR_MERGE_PATCH: &str = "application/json' or 'application/merge-patch+json";
const MERGE_PATCH: &str = "application/merge-patch+json";

/// A request to an endpoint that is open to anyone.
#[derive(Clone)]
pub struct PublicCall {
    request: Arc<Request>,
    endpoint: &'static Endpoint,
    now: Timestamp,
    config: Arc<Config>,
    store: Option<Store>,
}

/// A request of a caller who is authenticated, within the limit and authorised. It is proof of that,
/// since only [`crate::serve`] can make one. `Rights` decides whether it may change the team's data.
pub struct Call<Rights = ReadWrite> {
    public: PublicCall,
    store: Store,
    principal: Principal,
    /// Set when the body is read.
    idempotency_key: Arc<OnceLock<IdempotencyKey>>,
    rights: PhantomData<Rights>,
}

/// A request that only reads. It may be made before the admission; its answer is released only after
/// the caller is admitted.
pub type ReadCall = Call<ReadOnly>;

impl PublicCall {
    pub(super) fn new(
        request: Request,
        endpoint: &'static Endpoint,
        now: Timestamp,
        config: Arc<Config>,
        store: Option<Store>,
    ) -> PublicCall {
        PublicCall {
            request: Arc::new(request),
            endpoint,
            now,
            config,
            store,
        }
    }

    /// The time of the request. A request has only one.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The path, percent-decoded, without its query.
    pub fn path(&self) -> &str {
        &self.request.path
    }

    /// The git revision of this program.
    pub fn revision(&self) -> &str {
        &self.config.revision
    }

    /// Checks whether the table can be reached.
    pub async fn ping(&self) -> Result<(), Problem> {
        self.store()?.ping().await
    }

    /// The header `If-None-Match`.
    pub fn if_none_match(&self) -> Option<&str> {
        self.header("if-none-match")
    }

    /// Whether the client accepts a body that is compressed with gzip.
    pub fn accepts_gzip(&self) -> bool {
        self.request.accepts_gzip()
    }

    /// A parameter of the path, percent-decoded; `None` if the path has none with this name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.request.parameters.get(name).map(String::as_str)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.request.headers.get(name).map(String::as_str)
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
            idempotency_key: Arc::default(),
            rights: PhantomData,
        }
    }

    /// The time of the request.
    pub fn now(&self) -> Timestamp {
        self.public.now
    }

    /// The data of the caller's team.
    pub fn store(&self) -> TeamStore<Rights> {
        self.store.team(&self.principal)
    }

    /// The members of a JSON body. Reads the idempotency key, too.
    ///
    /// cStar requires JSON that is declared as such and has no member twice. Rocket.Chat treats
    /// everything that is not JSON as an empty object, and lets the last of two members count.
    pub fn fields(&self) -> Result<Fields, Problem> {
        let members = match self.public.endpoint.dialect {
            Dialect::Cstar => self.cstar_members()?,
            Dialect::RocketChat => self.rocket_chat_members()?,
        };
        let fields = Fields::new(members);
        self.read_idempotency_key(&fields)?;
        Ok(fields)
    }

    fn read_idempotency_key(&self, fields: &Fields) -> Result<(), Problem> {
        if let Some(header) = self.idempotency_header() {
            let Principal { team, mode, .. } = &self.principal;
            let method = self.public.endpoint.method.as_str();
            let context = [team.as_str(), mode.as_str(), method, self.public.path()];
            let key = IdempotencyKey::read(header, &context, fields.fingerprint(), self.now())?;
            // A repeated attempt has the same key.
            let _ = self.idempotency_key.set(key);
        }
        Ok(())
    }

    fn cstar_members(&self) -> Result<Map<String, Value>, Problem> {
        let request = &self.public.request;
        let patch = self.public.endpoint.method == Method::PATCH;
        let declared = request.declares(JSON) || (patch && request.declares(MERGE_PATCH));
        if !request.body.is_empty() && !declared {
            let expected = if patch { JSON_OR_MERGE_PATCH } else { JSON };
            return Err(Problem::Team(TeamProblem::UnsupportedMediaType {
                expected,
            }));
        }
        json::object(&request.body.bytes(MAX_BODY_BYTES)?, Repeated::Refused)
    }

    fn rocket_chat_members(&self) -> Result<Map<String, Value>, Problem> {
        let request = &self.public.request;
        let members = request.body.bytes(MAX_BODY_BYTES).and_then(|body| {
            let declared = request.declares(JSON);
            json::object(if declared { &body } else { b"{}" }, Repeated::LastCounts)
        });
        match members {
            Err(Problem::Team(TeamProblem::InvalidJson(_))) => Ok(Map::new()),
            members => members,
        }
    }

    /// A body of this media type, at most `max` bytes.
    pub fn body(&self, media_type: &'static str, max: usize) -> Result<Cow<'_, [u8]>, Problem> {
        let request = &self.public.request;
        if !request.declares(media_type) {
            return Err(Problem::Team(TeamProblem::UnsupportedMediaType {
                expected: media_type,
            }));
        }
        request.body.bytes(max)
    }

    /// Reads the idempotency key of a request whose path says everything.
    pub fn without_fields(&self) -> Result<(), Problem> {
        self.read_idempotency_key(&Fields::new(Map::new()))
    }

    /// Whether webhooks may have the address 127.0.0.1.
    pub fn loopback(&self) -> Loopback {
        self.public.config.loopback
    }

    /// The caller's team.
    pub fn team(&self) -> &TeamId {
        &self.principal.team
    }

    /// A new id.
    pub fn new_id<Id: NewId>(&self) -> Id {
        Id::new_id(self.now(), &random::bytes())
    }

    /// Random bytes for a secret. Without them, there is none.
    pub fn random_secret(&self) -> Result<[u8; 32], Problem> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| Problem::Internal(Box::new(error)))?;
        Ok(bytes)
    }

    /// The header `If-None-Match`.
    pub fn if_none_match(&self) -> Option<&str> {
        self.public.header("if-none-match")
    }

    /// Whether the client prefers this media type to JSON.
    pub fn prefers(&self, media_type: &str) -> bool {
        self.public.request.prefers(media_type)
    }

    /// The path and query of this request with another value of a parameter.
    pub fn with_parameter(&self, name: &str, value: &str) -> String {
        let given = form_urlencoded::parse(self.query().as_bytes());
        let others = given.filter(|(given, _)| given != name);
        let mut query = form_urlencoded::Serializer::new(String::new());
        let query = query.extend_pairs(others).append_pair(name, value).finish();
        format!("{}?{query}", self.public.path())
    }

    /// The query string, as it was sent.
    pub fn query(&self) -> &str {
        &self.public.request.query
    }

    /// A parameter of the path, percent-decoded; empty if the path has none with this name.
    pub fn parameter(&self, name: &str) -> &str {
        self.public.parameter(name).unwrap_or_default()
    }

    /// The path of a resource that is created in the collection at this request's path.
    pub fn location(&self, id: &str) -> String {
        format!("{}/{id}", self.public.path())
    }

    /// The header `Idempotency-Key`, which counts for a POST or PATCH that writes, in cStar's dialect.
    fn idempotency_header(&self) -> Option<&str> {
        let endpoint = self.public.endpoint;
        let counts = endpoint.dialect == Dialect::Cstar
            && endpoint.effect() == Effect::Write
            && [Method::POST, Method::PATCH].contains(&endpoint.method);
        if !counts {
            return None;
        }
        self.public.header("idempotency-key")
    }
}

impl Call {
    /// Refuses the request if `If-Match` does not allow the `current` version.
    pub fn check_version(&self, current: Version) -> Result<(), Problem> {
        if reply::matches(self.if_match(), current) {
            Ok(())
        } else {
            Err(Problem::Team(TeamProblem::PreconditionFailed))
        }
    }

    /// Writes a new resource and the record of the request, and answers with `reply`; with the
    /// earlier reply if a request with the same idempotency key was done before.
    pub async fn commit<F>(&self, reply: Reply, write: impl FnOnce(Recording) -> F) -> Answer
    where
        F: Future<Output = Result<Written, Problem>>,
    {
        let key = self.idempotency_key.get();
        let record = key.map(|key| key.record(&reply)).transpose()?;
        let written = write(Recording::new(record)).await?;
        idempotency::settle(key, reply, written)
    }

    /// The same for a change of a resource whose `current` version `If-Match` must allow. If it does
    /// not, this request may itself have made that version: then its earlier reply is the answer.
    pub async fn commit_change<F>(
        &self,
        current: Version,
        reply: Reply,
        write: impl FnOnce(Recording) -> F,
    ) -> Answer
    where
        F: Future<Output = Result<Written, Problem>>,
    {
        if let Err(refused) = self.check_version(current) {
            let Some(key) = self.idempotency_key.get() else {
                return Err(refused);
            };
            let earlier = self.store.recorded(key.scope(), self.now()).await?;
            return key.replay(earlier.ok_or(refused)?);
        }
        self.commit(reply, write).await
    }

    /// The header `If-Match`, which Rocket.Chat does not have.
    fn if_match(&self) -> Option<&str> {
        match self.public.endpoint.dialect {
            Dialect::Cstar => self.public.header("if-match"),
            Dialect::RocketChat => None,
        }
    }
}

impl<Rights> Clone for Call<Rights> {
    fn clone(&self) -> Call<Rights> {
        Call {
            public: self.public.clone(),
            store: self.store.clone(),
            principal: self.principal.clone(),
            idempotency_key: Arc::clone(&self.idempotency_key),
            rights: PhantomData,
        }
    }
}
