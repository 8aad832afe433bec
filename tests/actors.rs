//! The callers of the service, each with its credential.

use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use local::stack::Stack;
use serde_json::Value;
use shared::api::Endpoint;
use shared::auth::issue::{self, NewKey, Terms};
use shared::dialect::Dialect;
use shared::domain::id::{KeyId, TeamId, UserId};
use shared::domain::principal::{CredentialKind, Mode, Permission, Plan};
use shared::store::credentials::manage::{Change, OwnLimit};

use crate::{contract, log, world};

/// Longer than the gateway's own time limit.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(40);

/// The names of teams and users: log.rs searches the logs for them.
pub const TEAM_NAME: &str = "A team of Ada's";
const USER_NAME: &str = "Ada Lovelace";

/// A new team, without resources or credentials.
pub struct Team {
    pub stack: &'static Stack,
    pub id: TeamId,
}

/// A caller.
#[derive(Clone)]
pub struct Actor {
    stack: &'static Stack,
    /// The key's or user's id, for operators.
    pub key: Option<KeyId>,
    pub user: Option<UserId>,
    pub headers: Vec<(&'static str, String)>,
}

/// An HTTP response.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: http::HeaderMap,
    /// Decompressed if it was compressed.
    pub body: String,
}

impl Team {
    pub async fn new() -> Team {
        Team::on(world::stack(), Plan::Premium).await
    }

    pub async fn on(stack: &'static Stack, plan: Plan) -> Team {
        let team = issue::team(&world::table(stack), TEAM_NAME, plan)
            .await
            .expect("a team");
        log::record_name(TEAM_NAME);
        Team { stack, id: team.id }
    }

    pub async fn secret_key(&self) -> Actor {
        self.key(CredentialKind::Secret, Mode::Live, Terms::default())
            .await
    }

    pub async fn test_key(&self) -> Actor {
        self.key(CredentialKind::Secret, Mode::Test, Terms::default())
            .await
    }

    pub async fn publishable_key(&self) -> Actor {
        self.key(CredentialKind::Publishable, Mode::Live, Terms::default())
            .await
    }

    pub async fn key(&self, kind: CredentialKind, mode: Mode, terms: Terms) -> Actor {
        let store = world::table(self.stack);
        let new = NewKey {
            name: None,
            kind,
            mode,
            terms,
        };
        let key = issue::key(&store, &self.id, &new).await.expect("a key");
        log::record_secret(&key.secret);
        Actor {
            stack: self.stack,
            key: Some(key.id),
            user: None,
            headers: vec![("authorization", format!("Bearer {}", key.secret))],
        }
    }

    /// A caller with every permission that the endpoint asks for.
    pub async fn permitted_caller(&self, endpoint: &Endpoint) -> Actor {
        match endpoint.dialect {
            Dialect::Cstar => self.secret_key().await,
            Dialect::RocketChat => self.livechat_manager().await,
        }
    }

    pub async fn livechat_manager(&self) -> Actor {
        self.user(&[Permission::ManageLivechatSla], Terms::default())
            .await
    }

    /// A user who may read policies but not change them.
    pub async fn agent(&self) -> Actor {
        self.user(&[Permission::ViewLivechatRoom], Terms::default())
            .await
    }

    pub async fn user(&self, permissions: &[Permission], terms: Terms) -> Actor {
        let store = world::table(self.stack);
        let user = issue::user(&store, &self.id, USER_NAME, permissions, terms)
            .await
            .expect("a user");
        log::record_secret(&user.token);
        log::record_name(USER_NAME);
        Actor {
            stack: self.stack,
            key: None,
            user: Some(user.id.clone()),
            headers: vec![
                ("x-user-id", user.id.to_string()),
                ("x-auth-token", user.token),
            ],
        }
    }

    pub fn anonymous(&self) -> Actor {
        Actor {
            stack: self.stack,
            key: None,
            user: None,
            headers: Vec::new(),
        }
    }

    /// A caller with a key that was issued otherwise, or never.
    pub fn with_key(&self, key: &str) -> Actor {
        self.anonymous()
            .with("authorization", format!("Bearer {key}"))
    }

    /// A caller with a user id and a token that were issued otherwise, or never.
    pub fn with_token(&self, user: &str, token: &str) -> Actor {
        self.anonymous()
            .with("x-user-id", user)
            .with("x-auth-token", token)
    }

    /// Revokes the credential of a caller.
    pub async fn revoke(&self, caller: &Actor) {
        let (store, change) = (world::table(self.stack), Change::Revoke);
        let revoked = match (&caller.key, &caller.user) {
            (Some(key), _) => store.change_key(&self.id, key, &change).await,
            (_, Some(user)) => store.change_user(&self.id, user, &change).await,
            _ => unreachable!("a credential belongs to a key or a user"),
        };
        assert!(revoked.expect("the table"), "the credential exists");
    }

    pub fn calendars(&self) -> String {
        format!("/api/v1/teams/{}/sla/calendars", self.id)
    }

    pub fn preview(&self) -> String {
        format!("/api/v1/teams/{}/sla/preview", self.id)
    }

    pub fn rules(&self) -> String {
        format!("/api/v1/teams/{}/sla/rules", self.id)
    }
}

pub const POLICIES: &str = "/api/v1/livechat/sla";

/// A success in cStar's envelope: a resource with this id, and these members after it.
pub fn resource(id: &str, members: &str) -> String {
    format!(r#"{{"success":true,"data":{{"id":"{id}",{members}}}}}"#)
}

/// A limit of so many calls in a window that outlasts every test.
pub fn limited_to(limit: u32) -> Terms {
    Terms {
        expires_at: None,
        limit: Some(OwnLimit {
            calls: limit,
            window_seconds: Some(86_400),
        }),
    }
}

impl Actor {
    /// The same caller with one more header.
    pub fn with(&self, name: &'static str, value: impl Into<String>) -> Actor {
        let mut actor = self.clone();
        actor.headers.push((name, value.into()));
        actor
    }

    pub async fn get(&self, path: &str) -> Response {
        self.send(Method::GET, path, Vec::new()).await
    }

    pub async fn delete(&self, path: &str) -> Response {
        self.send(Method::DELETE, path, Vec::new()).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.send_json(Method::POST, path, body).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Response {
        self.send_json(Method::PUT, path, body).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Response {
        self.send_json(Method::PATCH, path, body).await
    }

    pub async fn send_json(&self, method: Method, path: &str, body: &Value) -> Response {
        let declared = self.headers.iter().any(|(name, _)| *name == "content-type");
        let actor = if declared {
            self.clone()
        } else {
            self.with("content-type", "application/json")
        };
        actor
            .send(method, path, body.to_string().into_bytes())
            .await
    }

    pub async fn send(&self, method: Method, path: &str, body: Vec<u8>) -> Response {
        log::record_request(&self.headers, path, &body);
        let uri: Uri = format!("{}{path}", self.stack.url())
            .parse()
            .expect("a URI");
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri;
        for (name, value) in &self.headers {
            let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header value");
            request
                .headers_mut()
                .append(HeaderName::from_static(name), value);
        }
        let mut connector = HttpConnector::new();
        connector.set_local_address(own_address());
        let client: Client<HttpConnector, Full<Bytes>> =
            Client::builder(TokioExecutor::new()).build(connector);
        let sent = tokio::time::timeout(CLIENT_TIMEOUT, client.request(request)).await;
        let response = sent.expect("a response in time").expect("a response");
        let (parts, body) = response.into_parts();
        let mut body = body
            .collect()
            .await
            .expect("a whole response")
            .to_bytes()
            .to_vec();
        if parts
            .headers
            .get("content-encoding")
            .is_some_and(|coding| coding == "gzip")
        {
            let mut plain = Vec::new();
            GzDecoder::new(body.as_slice())
                .read_to_end(&mut plain)
                .expect("gzip");
            body = plain;
        }
        let response = Response {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(body).expect("UTF-8"),
        };
        for name in ["x-cstar-request-id", "x-request-id"] {
            if let Some(request) = response.header(name) {
                log::record_response(request);
            }
        }
        contract::check_response(&method, path, &response);
        response
    }
}

/// An address of this request's own: together the stories present more unknown credentials than the
/// service accepts from one address. Only Linux has all of 127.0.0.0/8.
fn own_address() -> Option<IpAddr> {
    let [second, third, fourth, ..] = world::random();
    let address = Ipv4Addr::new(127, second, third, fourth.clamp(2, 254));
    cfg!(target_os = "linux").then(|| address.into())
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("visible ASCII"))
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// Asserts the whole response, to the byte.
    #[track_caller]
    pub fn assert_is(&self, status: u16, body: &str) {
        assert_eq!((self.status, self.body.as_str()), (status, body));
        assert_eq!(self.header("content-type"), Some("application/json"));
    }

    /// Asserts that the whole response is cStar's error envelope, with `more` as further members.
    #[track_caller]
    pub fn assert_cstar_error(
        &self,
        status: u16,
        kind: &str,
        code: &str,
        message: &str,
        more: &str,
    ) {
        let request = self
            .header("x-cstar-request-id")
            .expect("every response has its request's id")
            .to_owned();
        let doc_url = match status {
            401 | 403 => {
                "https://www.cstar.help/developers/api-reference#authentication".to_owned()
            }
            429 => "https://www.cstar.help/developers/api-reference#rate-limiting".to_owned(),
            _ => format!("https://github.com/dueline/dueline/blob/main/docs/errors.md#{code}"),
        };
        let timestamp = self.json()["meta"]["timestamp"]
            .as_str()
            .expect("a timestamp")
            .to_owned();
        let message = Value::from(message);
        self.assert_is(
            status,
            &format!(
                "{{\"success\":false,\"error\":{{\"type\":\"{kind}\",\"code\":\"{code}\",\"message\":{message},\
                 \"doc_url\":\"{doc_url}\",\"request_id\":\"{request}\"{more}}},\
                 \"meta\":{{\"timestamp\":\"{timestamp}\"}}}}"
            ),
        );
    }

    /// Asserts that the whole response is cStar's for a single violation, of this member.
    #[track_caller]
    pub fn assert_violation(&self, param: &str, code: &str, message: &str) {
        let more = format!(",\"param\":{}", Value::from(param));
        self.assert_cstar_error(400, "invalid_request_error", code, message, &more);
    }

    /// The id of a new resource.
    #[track_caller]
    pub fn id(&self) -> String {
        let body = self.json();
        let id = body
            .pointer("/data/id")
            .or_else(|| body.pointer("/sla/_id"));
        id.and_then(Value::as_str)
            .expect("a new resource has an id")
            .to_owned()
    }
}
