//! What `cargo local` prints.

use crate::{seed::Seed, webhook_sink::WebhookSink};
use local::{
    journal::{Event, Line, Stream},
    template::Template,
};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, path::Path};
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// The documented example bodies, byte for byte.
const POLICY: &str = r#"{"name":"Optimum","description":"OPtimum SLA","dueTimeInMinutes":4}"#;
const RULE: &str =
    r#"{"name":"High Priority","priority":"high","responseTarget":30,"resolutionTarget":240}"#;

/// The one line that scripts read.
pub(crate) fn ready_json(
    url: &str,
    dynamodb: &str,
    seed: &Seed,
    sink: Option<&WebhookSink>,
) -> String {
    let mut ready = json!({
        "url": url,
        "dynamodb": dynamodb,
        "teamId": seed.team_id,
        "secretKey": seed.secret_key,
        "publishableKey": seed.publishable_key,
        "userId": seed.user_id,
        "authToken": seed.auth_token,
    });
    if let (Some(ready), Some(sink)) = (ready.as_object_mut(), sink) {
        ready.insert("webhookId".to_owned(), sink.webhook_id.clone().into());
    }
    format!("{ready}\n")
}

/// The text that people read: what is served, the demo team, and commands to paste.
pub(crate) fn ready(
    url: &str,
    dynamodb: &str,
    seed: &Seed,
    data: Option<&Path>,
    sink: Option<&WebhookSink>,
) -> String {
    let Seed {
        team_id,
        secret_key,
        user_id,
        auth_token,
        ..
    } = seed;
    let storage = match data {
        None => "in memory, lost when it stops".to_owned(),
        Some(directory) => format!(
            "kept in {}; each start adds a new demo team",
            directory.display()
        ),
    };
    let webhook = sink.map_or_else(String::new, |sink| {
        format!(
            "webhook          {} to {}, where its messages are verified and printed\n",
            sink.webhook_id, sink.url
        )
    });
    format!(
        "\
HTTP API         {url}
DynamoDB         {dynamodb} ({storage})

{team}{webhook}
# create an SLA policy (Rocket.Chat)
curl -X POST '{url}/api/v1/livechat/sla' -H 'X-User-Id: {user_id}' -H 'X-Auth-Token: {auth_token}' -H 'Content-Type: application/json' -d '{POLICY}'

# create an SLA rule (cStar)
curl -X POST '{url}/api/v1/teams/{team_id}/sla/rules' -H 'Authorization: Bearer {secret_key}' -H 'Content-Type: application/json' -d '{RULE}'

# list the SLA rules (cStar)
curl '{url}/api/v1/teams/{team_id}/sla/rules' -H 'Authorization: Bearer {secret_key}'

# for the tour in README.md
export URL={url} TEAM={team_id} KEY={secret_key} USER_ID={user_id} TOKEN={auth_token}

Ctrl-C stops everything.
",
        team = team(seed),
    )
}

/// The lines of an `--env-file` for `cargo lambda watch`.
pub(crate) fn ready_database(dynamodb: &str, template: &Template, seed: &Seed) -> String {
    let mut environment: BTreeMap<&str, &str> = template
        .functions
        .iter()
        .flat_map(|function| {
            function
                .environment
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
        })
        .collect();
    environment.extend([
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb),
        ("AWS_REGION", "us-east-1"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
    ]);
    let lines: Vec<_> = environment
        .iter()
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect();
    format!(
        "\
# DynamoDB is ready at {dynamodb}. The functions need this environment, as lines of the file given
# to `cargo lambda watch --env-file`:
{}
{}
# Ctrl-C stops it.
",
        lines.concat(),
        team(seed)
            .lines()
            .map(|line| format!("# {line}\n"))
            .collect::<String>(),
    )
}

fn team(seed: &Seed) -> String {
    let Seed {
        team_id,
        secret_key,
        user_id,
        auth_token,
        ..
    } = seed;
    format!(
        "\
team             {team_id}
secret key       {secret_key}
X-User-Id        {user_id}
X-Auth-Token     {auth_token}
"
    )
}

/// Prints each request, each notice and the functions' failures, for as long as the stack runs.
pub(crate) async fn follow(mut events: Receiver<Event>) {
    loop {
        match events.recv().await {
            Ok(Event::Request {
                method,
                path,
                status,
                elapsed,
            }) => {
                eprintln!("{method:<6} {path} {status} {} ms", elapsed.as_millis());
            }
            Ok(Event::Line(line)) => {
                if let Some(text) = noteworthy(&line) {
                    eprintln!("  {}: {text}", line.function);
                }
            }
            Err(RecvError::Lagged(missed)) => eprintln!("  ({missed} entries not shown)"),
            Err(RecvError::Closed) => return,
        }
    }
}

/// A line in short, if a person should see it: a notice, a refusal, a warning, an error, or anything
/// that is not a log entry.
fn noteworthy(line: &Line) -> Option<String> {
    let Some(entry) = serde_json::from_str::<Map<String, Value>>(&line.text)
        .ok()
        .filter(|_| line.stream != Stream::Platform)
    else {
        return Some(line.text.clone()).filter(|text| !text.trim().is_empty());
    };
    // tracing-subscriber nests an event's fields unless it is configured to flatten them.
    let fields = entry
        .get("fields")
        .and_then(Value::as_object)
        .unwrap_or(&entry);
    let message = fields.get("message").and_then(Value::as_str);
    match message {
        Some("notice") => return notice(fields),
        // Its level is that of an error only so that no filter drops it.
        Some("metrics") => return None,
        _ => {}
    }
    if let Some(problem) = fields.get("problem").and_then(Value::as_str) {
        let id = fields.get("request_id").and_then(Value::as_str);
        return Some(match id {
            Some(id) => format!("{problem} ({id})"),
            None => format!("{problem}, {}", message.unwrap_or_default()),
        });
    }
    failure(&entry, fields)
}

/// A notice, and how long after the instant that it reports it was made.
fn notice(fields: &Map<String, Value>) -> Option<String> {
    const MILLISECONDS_UP_TO: f64 = 10_000.0;
    let notice = fields.get("notice")?.as_str()?;
    let late_ms = fields.get("late_ms")?.as_f64()?;
    Some(if late_ms < MILLISECONDS_UP_TO {
        format!("{notice}, {late_ms:.0} ms after its instant")
    } else {
        format!("{notice}, {:.0} s after its instant", late_ms / 1_000.0)
    })
}

/// A warning or an error with all its fields.
fn failure(entry: &Map<String, Value>, fields: &Map<String, Value>) -> Option<String> {
    let level = entry
        .get("level")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if !matches!(
        level.to_ascii_uppercase().as_str(),
        "ERROR" | "WARN" | "FATAL"
    ) {
        return None;
    }
    let text_of = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let mut text = format!(
        "{level} {}",
        fields.get("message").map(text_of).unwrap_or_default()
    );
    for (name, value) in fields {
        if !matches!(
            name.as_str(),
            "fields" | "level" | "message" | "span" | "spans" | "target" | "timestamp"
        ) {
            text.push_str(&format!("; {name}={}", text_of(value)));
        }
    }
    Some(text)
}
