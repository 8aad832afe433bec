//! What the functions log: each line is a JSON object, each request has one line, and nothing that
//! callers sent or were issued is quoted.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use local::journal::{Event, Line, Stream};
use local::stack::Stack;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::sync::broadcast::error::RecvError;

/// A line that quotes this many consecutive bytes of a secret has leaked it.
const WINDOW_BYTES: usize = 12;
/// Shorter texts occur in lines by chance: `a` is in every line.
const MIN_TEXT_BYTES: usize = 5;
/// The headers with credentials, including those that are sent in the wrong one.
const CREDENTIAL_HEADERS: &[&str] = &["authorization", "x-auth-token", "x-user-id"];
/// Lines come through pipes, so the last ones may still arrive after the last story has ended.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// What no line may quote, and which requests must have a line.
#[derive(Default)]
struct Recorded {
    secrets: BTreeSet<String>,
    texts: BTreeSet<String>,
    requests: BTreeSet<String>,
}

static RECORDED: Mutex<Recorded> = Mutex::new(Recorded {
    secrets: BTreeSet::new(),
    texts: BTreeSet::new(),
    requests: BTreeSet::new(),
});
static LINES: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
static ARRIVED: Notify = Notify::const_new();

/// Keeps every line that the functions of a stack write from now on: the stack drops old ones.
pub fn follow(stack: &'static Stack) {
    let mut events = stack.follow();
    tokio::spawn(async move {
        loop {
            match events.recv().await {
                Ok(Event::Line(line)) => keep_lines([line]),
                Ok(Event::Request { .. }) => {}
                // The missed ones are among the newest lines.
                Err(RecvError::Lagged(_)) => keep_lines(stack.logs()),
                Err(RecvError::Closed) => return,
            }
        }
    });
}

fn keep_lines(lines: impl IntoIterator<Item = Line>) {
    // The platform's lines do not come from the functions.
    let written = lines
        .into_iter()
        .filter(|line| line.stream != Stream::Platform);
    lock(&LINES).extend(written.map(|line| line.text));
    ARRIVED.notify_one();
}

/// Records a key or a token that was issued for a story.
pub fn record_secret(secret: &str) {
    lock(&RECORDED).secrets.insert(secret.to_owned());
}

/// Records a name that an operator gave.
pub fn record_name(name: &str) {
    lock(&RECORDED).texts.insert(name.to_owned());
}

/// Records a request that a story sends.
pub fn record_request(headers: &[(&'static str, String)], path: &str, body: &[u8]) {
    let mut recorded = lock(&RECORDED);
    for (name, value) in headers {
        if CREDENTIAL_HEADERS.contains(name) {
            let secret = value.split_ascii_whitespace().last().unwrap_or_default();
            recorded.secrets.insert(secret.to_owned());
        }
        recorded.texts.insert(value.clone());
    }
    let query = path.split_once('?').map(|(_, query)| query.to_owned());
    recorded.texts.extend(query);
    match serde_json::from_slice(body) {
        Ok(body) => texts_of(&body, &mut recorded.texts),
        Err(_) => {
            let body = String::from_utf8_lossy(body);
            recorded.texts.extend(body.lines().map(str::to_owned));
        }
    }
}

/// Records a request that a function responded to.
pub fn record_response(request: &str) {
    lock(&RECORDED).requests.insert(request.to_owned());
}

fn texts_of(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            texts.insert(text.clone());
        }
        Value::Array(values) => values.iter().for_each(|value| texts_of(value, texts)),
        Value::Object(members) => members.values().for_each(|value| texts_of(value, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What every line is searched for.
struct Needles {
    /// Every window of each secret, and the first window of each long text.
    windows: HashSet<Vec<u8>>,
    /// The short texts, in full.
    short: Vec<String>,
}

impl Needles {
    fn of(recorded: &Recorded) -> Needles {
        let secrets = recorded.secrets.iter();
        let long = recorded.texts.iter();
        let windows = secrets
            .flat_map(|secret| secret.as_bytes().windows(WINDOW_BYTES))
            .chain(long.flat_map(|text| text.as_bytes().windows(WINDOW_BYTES).take(1)));
        let short = recorded
            .texts
            .iter()
            .filter(|text| (MIN_TEXT_BYTES..WINDOW_BYTES).contains(&text.len()));
        Needles {
            windows: windows.map(<[u8]>::to_vec).collect(),
            short: short.cloned().collect(),
        }
    }

    /// The first thing that a text quotes.
    fn find(&self, text: &str) -> Option<String> {
        let window = text
            .as_bytes()
            .windows(WINDOW_BYTES)
            .find(|window| self.windows.contains(*window))
            .map(|window| String::from_utf8_lossy(window).into_owned());
        window.or_else(|| {
            self.short
                .iter()
                .find(|short| text.contains(*short))
                .cloned()
        })
    }
}

/// A whole-suite check.
pub async fn every_line_is_json_and_contains_no_secrets() {
    every_request_has_its_line().await;
    let recorded = lock(&RECORDED);
    let needles = Needles::of(&recorded);
    for secret in &recorded.secrets {
        let found = needles.find(&format!("cause: \"{secret}\"")).is_some();
        assert!(
            found || secret.len() < WINDOW_BYTES,
            "the search would find a leak"
        );
    }
    assert!(recorded.secrets.len() > 100 && recorded.texts.len() > 100);
    for line in lock(&LINES).iter() {
        let mut parsed = parse(line);
        remove_our_words(&mut parsed, line);
        let mut texts = BTreeSet::new();
        texts_of(&parsed, &mut texts);
        for text in texts {
            assert_eq!(needles.find(&text), None, "{line}");
        }
    }
}

/// Removes the members whose values are our own words: stories may send the same words.
fn remove_our_words(parsed: &mut Value, line: &str) {
    let members = parsed.as_object_mut().expect("a line is an object");
    let is_name = |text: &str| {
        let is_plain = |c: char| c.is_ascii_lowercase() || matches!(c, '_' | '-' | ':' | '.');
        text.chars().all(is_plain)
    };
    for name in ["endpoint", "job", "notice", "problem", "target"] {
        if let Some(word) = members.remove(name) {
            assert!(word.as_str().is_some_and(is_name), "{line}");
        }
    }
    let timestamp = members.remove("timestamp").expect("a line has a timestamp");
    let is_time = |text: &str| text.parse::<jiff::Timestamp>().is_ok();
    assert!(timestamp.as_str().is_some_and(is_time), "{line}");
}

async fn every_request_has_its_line() {
    loop {
        let arrived = ARRIVED.notified();
        let lines = lines_of_requests();
        let missing = lock(&RECORDED)
            .requests
            .iter()
            .find(|request| !lines.contains_key(*request))
            .cloned();
        let Some(missing) = missing else {
            let repeated = lines.iter().find(|(_, lines)| **lines != 1);
            assert_eq!(repeated, None, "a request has exactly one line");
            return;
        };
        let waited = tokio::time::timeout(MAX_WAIT, arrived).await;
        assert!(waited.is_ok(), "no line is about the request {missing}");
    }
}

/// The number of lines about each request.
fn lines_of_requests() -> BTreeMap<String, usize> {
    let mut lines = BTreeMap::new();
    for line in lock(&LINES).iter().map(|line| parse(line)) {
        if line["message"] == "request" {
            let request = line["request_id"].as_str().expect("a request's id");
            *lines.entry(request.to_owned()).or_default() += 1;
        }
    }
    lines
}

#[track_caller]
fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

fn lock<T>(mutex: &'static Mutex<T>) -> MutexGuard<'static, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
