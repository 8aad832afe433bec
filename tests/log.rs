//! What the functions log: one JSON object a line, one line a request, and nothing of what callers
//! sent or were issued.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use local::journal::{Event, Line, Stream};
use local::stack::Stack;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::sync::broadcast::error::RecvError;

/// A line that quotes so many bytes of a secret in a row has leaked it.
const WINDOW_BYTES: usize = 12;
/// Shorter texts occur in lines by chance: `a` is in every one.
const MIN_TEXT_BYTES: usize = 5;
/// Credentials are in these headers, and sometimes in the wrong one of them.
const CREDENTIAL_HEADERS: &[&str] = &["authorization", "x-auth-token", "x-user-id"];
/// Lines come through pipes, so the last ones may be on their way when the last story ends.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What no line may quote, and which requests must have one.
#[derive(Default)]
struct Sent {
    secrets: BTreeSet<String>,
    texts: BTreeSet<String>,
    requests: BTreeSet<String>,
}

static SENT: Mutex<Sent> = Mutex::new(Sent {
    secrets: BTreeSet::new(),
    texts: BTreeSet::new(),
    requests: BTreeSet::new(),
});
static LINES: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
static ARRIVED: Notify = Notify::const_new();

/// Keeps what the functions of a stack write from now on: the stack itself forgets old lines.
pub fn follow(stack: &'static Stack) {
    let mut happenings = stack.follow();
    tokio::spawn(async move {
        loop {
            match happenings.recv().await {
                Ok(Event::Line(line)) => keep([line]),
                Ok(Event::Request { .. }) => {}
                // Those that were missed are among the newest.
                Err(RecvError::Lagged(_)) => keep(stack.logs()),
                Err(RecvError::Closed) => return,
            }
        }
    });
}

fn keep(lines: impl IntoIterator<Item = Line>) {
    // The platform's lines are not the functions'.
    let written = lines
        .into_iter()
        .filter(|line| line.stream != Stream::Platform);
    lock(&LINES).extend(written.map(|line| line.text));
    ARRIVED.notify_one();
}

/// A key or a token that was made for a story.
pub fn issued(secret: &str) {
    lock(&SENT).secrets.insert(secret.to_owned());
}

/// A name that an operator gave.
pub fn named(name: &str) {
    lock(&SENT).texts.insert(name.to_owned());
}

/// A request that a story sends.
pub fn sent(headers: &[(&'static str, String)], path: &str, body: &[u8]) {
    let mut sent = lock(&SENT);
    for (name, value) in headers {
        if CREDENTIAL_HEADERS.contains(name) {
            let secret = value.split_ascii_whitespace().last().unwrap_or_default();
            sent.secrets.insert(secret.to_owned());
        }
        sent.texts.insert(value.clone());
    }
    let query = path.split_once('?').map(|(_, query)| query.to_owned());
    sent.texts.extend(query);
    match serde_json::from_slice(body) {
        Ok(body) => texts_of(&body, &mut sent.texts),
        Err(_) => {
            let body = String::from_utf8_lossy(body);
            sent.texts.extend(body.lines().map(str::to_owned));
        }
    }
}

/// A request that a function answered.
pub fn answered(request: &str) {
    lock(&SENT).requests.insert(request.to_owned());
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

/// What is looked for in every line, arranged for the search.
struct Needles {
    /// Every stretch of a secret, and the beginning of every long text.
    windows: HashSet<Vec<u8>>,
    /// The short texts, whole.
    short: Vec<String>,
}

impl Needles {
    fn of(sent: &Sent) -> Needles {
        let secrets = sent.secrets.iter();
        let long = sent.texts.iter();
        let windows = secrets
            .flat_map(|secret| secret.as_bytes().windows(WINDOW_BYTES))
            .chain(long.flat_map(|text| text.as_bytes().windows(WINDOW_BYTES).take(1)));
        let short = sent
            .texts
            .iter()
            .filter(|text| (MIN_TEXT_BYTES..WINDOW_BYTES).contains(&text.len()));
        Needles {
            windows: windows.map(<[u8]>::to_vec).collect(),
            short: short.cloned().collect(),
        }
    }

    /// What a text quotes.
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

/// What only the whole suite can show.
pub async fn every_line_is_json_and_tells_no_secret() {
    every_request_has_its_line().await;
    let sent = lock(&SENT);
    let needles = Needles::of(&sent);
    for secret in &sent.secrets {
        let found = needles.find(&format!("cause: \"{secret}\"")).is_some();
        assert!(found || secret.len() < WINDOW_BYTES, "a leak would be seen");
    }
    assert!(sent.secrets.len() > 100 && sent.texts.len() > 100);
    for line in lock(&LINES).iter() {
        let mut told = parsed(line);
        take_own_words(&mut told, line);
        let mut texts = BTreeSet::new();
        texts_of(&told, &mut texts);
        for text in texts {
            assert_eq!(needles.find(&text), None, "{line}");
        }
    }
}

/// Removes the members that have a word of ours: stories may well send the same.
fn take_own_words(told: &mut Value, line: &str) {
    let members = told.as_object_mut().expect("a line is an object");
    let is_name = |text: &str| {
        let is_plain = |c: char| c.is_ascii_lowercase() || c == '_' || c == '-' || c == ':';
        text.chars().all(is_plain)
    };
    for name in ["endpoint", "problem", "target"] {
        if let Some(word) = members.remove(name) {
            assert!(word.as_str().is_some_and(is_name), "{line}");
        }
    }
    let timestamp = members.remove("timestamp").expect("a line has its time");
    let is_time = |text: &str| text.parse::<jiff::Timestamp>().is_ok();
    assert!(timestamp.as_str().is_some_and(is_time), "{line}");
}

async fn every_request_has_its_line() {
    loop {
        let arrived = ARRIVED.notified();
        let lines = lines_of_requests();
        let missing = lock(&SENT)
            .requests
            .iter()
            .find(|request| !lines.contains_key(*request))
            .cloned();
        let Some(missing) = missing else {
            let repeated = lines.iter().find(|(_, lines)| **lines != 1);
            assert_eq!(repeated, None, "a request is one line");
            return;
        };
        let waited = tokio::time::timeout(LONGEST_WAIT, arrived).await;
        assert!(waited.is_ok(), "no line tells of {missing}");
    }
}

/// How many lines tell of each request.
fn lines_of_requests() -> BTreeMap<String, usize> {
    let mut lines = BTreeMap::new();
    for line in lock(&LINES).iter().map(|line| parsed(line)) {
        if line["message"] == "request" {
            let request = line["request_id"].as_str().expect("a request's id");
            *lines.entry(request.to_owned()).or_default() += 1;
        }
    }
    lines
}

#[track_caller]
fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

fn lock<T>(mutex: &'static Mutex<T>) -> MutexGuard<'static, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
