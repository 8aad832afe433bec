//! Random sequences of requests by several clients, compared with a simple model in memory: every
//! response must match, including its body.
//!
//! `DUELINE_SEQUENCES` is the number of sequences (24 by default), `DUELINE_SEED` the seed. A
//! failure prints the seed and the shortest sequence that fails.

mod calendars;
mod tickets;

use std::env;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};
use serde_json::{Map, Value, json};

use crate::actors::{Actor, POLICIES, Response, Team};
use crate::world;

crate::stories![
    random_request_sequences_match_the_model,
    random_ticket_histories_match_the_model,
];

const SEQUENCES: u32 = 24;
const MAX_STEPS: usize = 23;

/// The clients: two keys of one team, one for each mode, and a key of another team.
const CLIENTS: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    CreatePolicy {
        team: usize,
        name: &'static str,
        due: u32,
    },
    ReplacePolicy {
        team: usize,
        nth: usize,
        name: &'static str,
        due: u32,
    },
    DeletePolicy {
        team: usize,
        nth: usize,
    },
    GetPolicy {
        team: usize,
        nth: usize,
    },
    ListPolicies {
        team: usize,
        text: &'static str,
        count: usize,
        offset: usize,
        descending: bool,
    },
    CreateRule {
        client: usize,
        members: Members,
        key: Option<u8>,
    },
    ChangeRule {
        client: usize,
        nth: usize,
        members: Members,
        precondition: Precondition,
        key: Option<u8>,
    },
    DeleteRule {
        client: usize,
        nth: usize,
        precondition: Precondition,
    },
    GetRule {
        client: usize,
        nth: usize,
        precondition: Precondition,
    },
    ListRules {
        client: usize,
    },
    Calendars(calendars::Step),
    Tickets(tickets::Step),
}

#[derive(Clone, Debug)]
struct Members {
    name: Option<&'static str>,
    priority: Option<&'static str>,
    response: Option<u32>,
    resolution: Option<u32>,
    hours_only: Option<bool>,
    enabled: Option<bool>,
    /// Absent, `null`, or the client's nth calendar, which may not exist.
    calendar: Option<Option<usize>>,
    /// Absent, `null`, or minutes.
    next_response: Option<Option<u32>>,
}

/// The version that a conditional request names.
#[derive(Clone, Copy, Debug)]
enum Precondition {
    None,
    Current,
    Stale,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        11 => policy_step(),
        12 => rule_step(),
        8 => calendars::step().prop_map(Step::Calendars),
    ]
}

fn policy_step() -> impl Strategy<Value = Step> {
    let name = || select(vec!["", "a", "b", "B", "ab", "é"]);
    let due = || select(vec![0_u32, 1, 2, 3]);
    let (team, nth) = (|| 0..2_usize, || 0..4_usize);
    prop_oneof![
        4 => (team(), name(), due()).prop_map(|(team, name, due)| Step::CreatePolicy { team, name, due }),
        3 => (team(), nth(), name(), due())
            .prop_map(|(team, nth, name, due)| Step::ReplacePolicy { team, nth, name, due }),
        1 => (team(), nth()).prop_map(|(team, nth)| Step::DeletePolicy { team, nth }),
        1 => (team(), nth()).prop_map(|(team, nth)| Step::GetPolicy { team, nth }),
        2 => (team(), select(vec!["", "B", "é"]), 0..3_usize, 0..3_usize, any::<bool>()).prop_map(
            |(team, text, count, offset, descending)| Step::ListPolicies { team, text, count, offset, descending }
        ),
    ]
}

fn rule_step() -> impl Strategy<Value = Step> {
    let (client, nth) = (|| 0..CLIENTS, || 0..4_usize);
    let key = || option::weighted(0.3, 0..2_u8);
    prop_oneof![
        4 => (client(), members(0.9), key())
            .prop_map(|(client, members, key)| Step::CreateRule { client, members, key }),
        4 => (client(), nth(), members(0.3), precondition(), key())
            .prop_map(|(client, nth, members, precondition, key)| Step::ChangeRule { client, nth, members, precondition, key }),
        1 => (client(), nth(), precondition()).prop_map(|(client, nth, precondition)| Step::DeleteRule { client, nth, precondition }),
        1 => (client(), nth(), precondition()).prop_map(|(client, nth, precondition)| Step::GetRule { client, nth, precondition }),
        2 => client().prop_map(|client| Step::ListRules { client }),
    ]
}

fn precondition() -> impl Strategy<Value = Precondition> {
    select(vec![
        Precondition::None,
        Precondition::None,
        Precondition::Current,
        Precondition::Stale,
    ])
}

fn members(given: f64) -> impl Strategy<Value = Members> {
    let of = move |words: Vec<&'static str>| option::weighted(given, select(words));
    let minutes = move || option::weighted(given, select(vec![0_u32, 10, 20, 30]));
    (
        of(vec!["", "a", "b"]),
        of(vec!["low", "urgent", "Low"]),
        minutes(),
        minutes(),
        option::weighted(given / 2.0, any::<bool>()),
        option::weighted(given / 3.0, any::<bool>()),
        option::weighted(given / 3.0, option::weighted(0.8, 0..3_usize)),
        option::weighted(
            given / 3.0,
            option::weighted(0.8, select(vec![0_u32, 10, 10, 20])),
        ),
    )
        .prop_map(
            |(name, priority, response, resolution, hours_only, enabled, calendar, next)| Members {
                name,
                priority,
                response,
                resolution,
                hours_only,
                enabled,
                calendar,
                next_response: next,
            },
        )
}

async fn random_request_sequences_match_the_model() {
    match_the_model(vec(step(), 1..=MAX_STEPS)).await;
}

async fn random_ticket_histories_match_the_model() {
    match_the_model(tickets::sequence()).await;
}

async fn match_the_model(sequences: impl Strategy<Value = Vec<Step>> + Send + 'static) {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse().ok());
    let seed: u64 = number("DUELINE_SEED").unwrap_or(20_261_122);
    let config = Config {
        cases: number("DUELINE_SEQUENCES").map_or(SEQUENCES, |n: u64| u32::try_from(n).unwrap()),
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    // proptest is synchronous, so it gets a thread of its own.
    let run = tokio::task::spawn_blocking(move || {
        let mut runner = TestRunner::new(config);
        runner.run(&sequences, |steps| {
            world::runtime()
                .block_on(run(steps))
                .map_err(TestCaseError::fail)
        })
    });
    match run.await.expect("proptest ends") {
        Ok(()) => {}
        Err(TestError::Fail(reason, steps)) => {
            panic!("DUELINE_SEED={seed} replays this: {reason}\nafter {steps:#?}")
        }
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

async fn run(steps: Vec<Step>) -> Result<(), String> {
    let mut model = Model::new().await;
    for (number, step) in steps.into_iter().enumerate() {
        let description = format!("{step:?}");
        model
            .step(step)
            .await
            .map_err(|reason| format!("request {number}, {description}: {reason}"))?;
    }
    Ok(())
}

/// The model: lists of resources in the order of their creation.
struct Model {
    managers: Vec<Actor>,
    policies: Vec<Vec<Policy>>,
    keys: Vec<(Actor, String)>,
    rules: Vec<Vec<Rule>>,
    calendars: Vec<Vec<calendars::Calendar>>,
    tickets: Vec<Vec<tickets::Ticket>>,
    settings: Vec<tickets::Settings>,
    /// Client, method, path and key of a request that succeeded, its body, and the response.
    finished: Vec<(String, Value, (u16, Value))>,
}

#[derive(Clone)]
struct Policy {
    id: String,
    name: String,
    due: u32,
    updated_at: Option<Value>,
}

#[derive(Clone)]
struct Rule {
    id: String,
    members: Map<String, Value>,
    version: u64,
}

impl Model {
    async fn new() -> Model {
        let (one, other) = (Team::new().await, Team::new().await);
        let keys = vec![
            (one.secret_key().await, one.rules()),
            (one.test_key().await, one.rules()),
            (other.secret_key().await, other.rules()),
        ];
        let managers = vec![one.livechat_manager().await, other.livechat_manager().await];
        Model {
            managers,
            policies: vec![Vec::new(), Vec::new()],
            keys,
            rules: vec![Vec::new(); CLIENTS],
            calendars: vec![Vec::new(); CLIENTS],
            tickets: vec![Vec::new(); CLIENTS],
            settings: vec![tickets::Settings::default(); CLIENTS],
            finished: Vec::new(),
        }
    }

    async fn step(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::CreatePolicy { team, name, due } => self.create_policy(team, name, due).await,
            Step::ReplacePolicy {
                team,
                nth,
                name,
                due,
            } => self.replace_policy(team, nth, name, due).await,
            Step::DeletePolicy { team, nth } => self.delete_policy(team, nth).await,
            Step::GetPolicy { team, nth } => self.get_policy(team, nth).await,
            Step::ListPolicies {
                team,
                text,
                count,
                offset,
                descending,
            } => {
                self.list_policies(team, text, count, offset, descending)
                    .await
            }
            Step::CreateRule {
                client,
                members,
                key,
            } => self.create_rule(client, &members, key).await,
            Step::ChangeRule {
                client,
                nth,
                members,
                precondition,
                key,
            } => {
                self.change_rule(client, nth, &members, precondition, key)
                    .await
            }
            Step::DeleteRule {
                client,
                nth,
                precondition,
            } => self.delete_rule(client, nth, precondition).await,
            Step::GetRule {
                client,
                nth,
                precondition,
            } => self.get_rule(client, nth, precondition).await,
            Step::Calendars(step) => self.calendar_step(step).await,
            Step::Tickets(step) => self.ticket_step(step).await,
            Step::ListRules { client } => {
                let (caller, path) = &self.keys[client];
                let rules: Vec<Value> = self.rules[client].iter().map(Rule::json).collect();
                let response = caller.get(path).await;
                expect_response(&response, 200, &json!({"success": true, "data": rules}))
            }
        }
    }

    async fn create_policy(&mut self, team: usize, name: &str, due: u32) -> Result<(), String> {
        let response = self.managers[team].post(POLICIES, &body(name, due)).await;
        if let Some(refused) = self.refused(team, None, name, due) {
            return expect_response(&response, 400, &refused);
        }
        let id = response.json()["sla"]["_id"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let sla = json!({"name": name, "description": name, "dueTimeInMinutes": due, "_id": id});
        self.policies[team].push(Policy {
            id,
            name: name.to_owned(),
            due,
            updated_at: None,
        });
        expect_response(&response, 200, &json!({"sla": sla, "success": true}))
    }

    async fn replace_policy(
        &mut self,
        team: usize,
        nth: usize,
        name: &str,
        due: u32,
    ) -> Result<(), String> {
        let (id, index) = self.policy(team, nth);
        let response = self.managers[team]
            .put(&format!("{POLICIES}/{id}"), &body(name, due))
            .await;
        if let Some(refused) = invalid(name, due) {
            return expect_response(&response, 400, &refused);
        }
        let Some(index) = index else {
            return expect_response(&response, 404, &unknown(&id));
        };
        if let Some(refused) = self.refused(team, Some(index), name, due) {
            return expect_response(&response, 400, &refused);
        }
        let at = response.json()["sla"]["_updatedAt"].clone();
        let sla = json!({"name": name, "description": name, "dueTimeInMinutes": due, "_updatedAt": at, "_id": id});
        self.policies[team][index] = Policy {
            id,
            name: name.to_owned(),
            due,
            updated_at: Some(at),
        };
        expect_response(&response, 200, &json!({"sla": sla, "success": true}))
    }

    async fn delete_policy(&mut self, team: usize, nth: usize) -> Result<(), String> {
        let (id, index) = self.policy(team, nth);
        let response = self.managers[team]
            .delete(&format!("{POLICIES}/{id}"))
            .await;
        let Some(index) = index else {
            return expect_response(&response, 400, &unknown(&id));
        };
        self.policies[team].remove(index);
        expect_response(&response, 200, &json!({"success": true}))
    }

    async fn get_policy(&mut self, team: usize, nth: usize) -> Result<(), String> {
        let (id, index) = self.policy(team, nth);
        let response = self.managers[team].get(&format!("{POLICIES}/{id}")).await;
        let Some(index) = index else {
            return expect_response(&response, 404, &unknown(&id));
        };
        let mut json = self.policies[team][index].json(&response.json()["_updatedAt"]);
        json["success"] = json!(true);
        expect_response(&response, 200, &json)
    }

    async fn list_policies(
        &mut self,
        team: usize,
        text: &str,
        count: usize,
        offset: usize,
        descending: bool,
    ) -> Result<(), String> {
        let sort = if descending { "-1" } else { "1" };
        let text_sent = text.replace('é', "%C3%A9");
        let query = format!(
            "?text={text_sent}&count={count}&offset={offset}&sort=%7B%22dueTimeInMinutes%22:{sort}%7D"
        );
        let response = self.managers[team].get(&format!("{POLICIES}{query}")).await;
        let found = response.json();
        let mut rows = self.policies[team].clone();
        rows.retain(|policy| policy.name.to_lowercase().contains(&text.to_lowercase()));
        rows.sort_by_key(|policy| policy.due);
        if descending {
            rows.reverse();
        }
        let total = rows.len();
        let count = if count == 0 { 100 } else { count };
        let rows = rows.iter().skip(offset).take(count).enumerate();
        let rows: Vec<Value> = rows
            .map(|(n, policy)| policy.json(&found["sla"][n]["_updatedAt"]))
            .collect();
        let page = json!({"sla": rows, "count": rows.len(), "offset": offset, "total": total, "success": true});
        expect_response(&response, 200, &page)
    }

    async fn create_rule(
        &mut self,
        client: usize,
        members: &Members,
        key: Option<u8>,
    ) -> Result<(), String> {
        let (caller, path) = self.keys[client].clone();
        let response = keyed(&caller, key)
            .post(&path, &self.body(client, members))
            .await;
        if response.status == 400 {
            return expect(
                self.merged(client, members, None).is_none(),
                "a 400 only for an invalid rule",
            );
        }
        let scope = format!("{client} POST {path} {key:?}");
        if let Some(replay) = self.replay(key, &scope, &self.body(client, members), &response) {
            return replay;
        }
        let id = response.json()["data"]["id"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let merged = self
            .merged(client, members, None)
            .ok_or("a 400 for an invalid rule")?;
        let rule = Rule {
            id,
            members: merged,
            version: 1,
        };
        let json = json!({"success": true, "data": rule.json()});
        self.rules[client].push(rule);
        self.finished
            .push((scope, self.body(client, members), (201, json.clone())));
        expect_response(&response, 201, &json)?;
        expect(
            response.header("etag") == Some("\"1\""),
            "a new rule has version 1",
        )
    }

    async fn change_rule(
        &mut self,
        client: usize,
        nth: usize,
        members: &Members,
        precondition: Precondition,
        key: Option<u8>,
    ) -> Result<(), String> {
        let (caller, _) = self.keys[client].clone();
        let (path, index) = self.rule(client, nth);
        let version = index.map_or(1, |index| self.rules[client][index].version);
        let caller = precondition.add_to(&keyed(&caller, key), "if-match", version);
        let response = caller.patch(&path, &self.body(client, members)).await;
        let Some(index) = index else {
            return expect(response.status == 404, "404");
        };
        let Some(merged) = self.merged(client, members, Some(&self.rules[client][index].members))
        else {
            return expect(response.status == 400, "400");
        };
        let scope = format!("{client} PATCH {path} {key:?}");
        if let Some(replay) = self.replay(key, &scope, &self.body(client, members), &response) {
            return replay;
        }
        if matches!(precondition, Precondition::Stale) {
            return expect(response.status == 412, "412");
        }
        let rule = &mut self.rules[client][index];
        rule.members = merged;
        rule.version += 1;
        let json = json!({"success": true, "data": rule.json()});
        let tag = format!("\"{}\"", rule.version);
        self.finished
            .push((scope, self.body(client, members), (200, json.clone())));
        expect_response(&response, 200, &json)?;
        expect(
            response.header("etag") == Some(&tag),
            "the tag is the version",
        )
    }

    async fn delete_rule(
        &mut self,
        client: usize,
        nth: usize,
        precondition: Precondition,
    ) -> Result<(), String> {
        let (path, index) = self.rule(client, nth);
        let version = index.map_or(1, |index| self.rules[client][index].version);
        let response = precondition
            .add_to(&self.keys[client].0, "if-match", version)
            .delete(&path)
            .await;
        let Some(index) = index else {
            return expect(response.status == 404, "404");
        };
        if matches!(precondition, Precondition::Stale) {
            return expect(response.status == 412, "412");
        }
        let rule = self.rules[client].remove(index);
        expect_response(
            &response,
            200,
            &json!({"success": true, "data": {"id": rule.id, "deleted": true}}),
        )
    }

    async fn get_rule(
        &mut self,
        client: usize,
        nth: usize,
        precondition: Precondition,
    ) -> Result<(), String> {
        let (path, index) = self.rule(client, nth);
        let version = index.map_or(1, |index| self.rules[client][index].version);
        let response = precondition
            .add_to(&self.keys[client].0, "if-none-match", version)
            .get(&path)
            .await;
        let Some(index) = index else {
            return expect(response.status == 404, "404");
        };
        if matches!(precondition, Precondition::Current) {
            return expect(response.status == 304 && response.body.is_empty(), "304");
        }
        expect_response(
            &response,
            200,
            &json!({"success": true, "data": self.rules[client][index].json()}),
        )
    }

    /// If this repeats an earlier request, whether the response is the one for a repetition.
    fn replay(
        &self,
        key: Option<u8>,
        scope: &str,
        body: &Value,
        response: &Response,
    ) -> Option<Result<(), String>> {
        key?;
        let (_, first_body, (status, json)) =
            self.finished.iter().find(|(other, ..)| other == scope)?;
        if first_body != body {
            return Some(expect(response.status == 409, "409"));
        }
        let marked = response.header("idempotent-replayed") == Some("true");
        Some(
            expect_response(response, *status, json)
                .and_then(|()| expect(marked, "the response is marked as replayed")),
        )
    }

    fn refused(&self, team: usize, but: Option<usize>, name: &str, due: u32) -> Option<Value> {
        let others = self.policies[team]
            .iter()
            .enumerate()
            .filter(|(index, _)| Some(*index) != but);
        let taken = others
            .into_iter()
            .any(|(_, other)| other.name == name || other.due == due);
        invalid(name, due)
            .or_else(|| taken.then(|| json!({"success": false, "error": "error-duplicated-sla"})))
    }

    /// The nth policy's id and index; an unknown id if there are fewer.
    fn policy(&self, team: usize, nth: usize) -> (String, Option<usize>) {
        let unknown_id = || ("0".repeat(24), None);
        self.policies[team]
            .get(nth)
            .map_or_else(unknown_id, |policy| (policy.id.clone(), Some(nth)))
    }

    fn rule(&self, client: usize, nth: usize) -> (String, Option<usize>) {
        let path = |id: &str| format!("{}/{id}", self.keys[client].1);
        let unknown_id = || (path(&format!("sla_{}", "0".repeat(32))), None);
        self.rules[client]
            .get(nth)
            .map_or_else(unknown_id, |rule| (path(&rule.id), Some(nth)))
    }
}

impl Policy {
    fn json(&self, at: &Value) -> Value {
        let at = self.updated_at.as_ref().unwrap_or(at);
        json!({"_id": self.id, "name": self.name, "description": self.name, "dueTimeInMinutes": self.due, "_updatedAt": at})
    }
}

impl Rule {
    fn json(&self) -> Value {
        let mut json = json!({"id": self.id});
        json.as_object_mut()
            .expect("an object")
            .extend(self.members.clone());
        json
    }
}

impl Model {
    fn body(&self, client: usize, members: &Members) -> Value {
        let given = [
            ("name", members.name.map(Value::from)),
            ("priority", members.priority.map(Value::from)),
            ("responseTarget", members.response.map(Value::from)),
            ("resolutionTarget", members.resolution.map(Value::from)),
            ("businessHoursOnly", members.hours_only.map(Value::from)),
            ("enabled", members.enabled.map(Value::from)),
            (
                "calendarId",
                members
                    .calendar
                    .map(|nth| nth.map_or(Value::Null, |nth| self.calendar_id(client, nth).into())),
            ),
            ("nextResponseTarget", members.next_response.map(Value::from)),
        ];
        given
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    }

    /// The members of a rule after this change, if it is valid. A new rule has no current members.
    fn merged(
        &self,
        client: usize,
        members: &Members,
        current: Option<&Map<String, Value>>,
    ) -> Option<Map<String, Value>> {
        let given = self.body(client, members);
        let member = |name: &str| given.get(name).or_else(|| current?.get(name)).cloned();
        let mut now = json!({
            "name": member("name")?,
            "priority": member("priority")?,
            "responseTarget": member("responseTarget")?,
            "resolutionTarget": member("resolutionTarget")?,
            "businessHoursOnly": member("businessHoursOnly").unwrap_or(json!(false)),
            "enabled": member("enabled").unwrap_or(json!(true)),
        });
        let calendar_exists = match member("calendarId") {
            None => true,
            Some(Value::Null) => current.is_some(),
            Some(id) => {
                now["calendarId"] = id.clone();
                self.calendars[client]
                    .iter()
                    .any(|calendar| id == calendar.id.as_str())
            }
        };
        let next_is_valid = match member("nextResponseTarget") {
            None => true,
            Some(Value::Null) => current.is_some(),
            Some(minutes) => {
                now["nextResponseTarget"] = minutes;
                now["nextResponseTarget"] != 0
            }
        };
        let minutes = |name: &str| now[name].as_u64().expect("a number");
        let valid = now["name"] != ""
            && now["priority"] != "Low"
            && minutes("responseTarget") > 0
            && minutes("resolutionTarget") >= minutes("responseTarget")
            && calendar_exists
            && next_is_valid;
        valid.then(|| now.as_object().expect("an object").clone())
    }
}

impl Precondition {
    fn add_to(self, caller: &Actor, header: &'static str, version: u64) -> Actor {
        match self {
            Precondition::None => caller.clone(),
            Precondition::Current => caller.with(header, format!("\"{version}\"")),
            Precondition::Stale => caller.with(header, format!("\"{}\"", version + 7)),
        }
    }
}

fn keyed(caller: &Actor, key: Option<u8>) -> Actor {
    key.map_or_else(
        || caller.clone(),
        |key| caller.with("idempotency-key", format!("key-{key}")),
    )
}

fn body(name: &str, due: u32) -> Value {
    json!({"name": name, "description": name, "dueTimeInMinutes": due})
}

fn unknown(id: &str) -> Value {
    json!({"success": false, "error": format!("SLA with id {id} not found")})
}

fn invalid(name: &str, due: u32) -> Option<Value> {
    let text = match (name, due) {
        ("", _) => "must NOT have fewer than 1 characters",
        (_, 0) => "must be >= 1",
        _ => return None,
    };
    let error = format!("{text} [invalid-params]");
    Some(json!({"success": false, "error": error, "errorType": "invalid-params"}))
}

/// Compares the status and the body, including the order of its members.
fn expect_response(response: &Response, status: u16, body: &Value) -> Result<(), String> {
    let found = (response.status, response.body.as_str());
    let expected = (status, body.to_string());
    expect(
        found == (expected.0, &expected.1),
        &format!("{found:?} instead of {expected:?}"),
    )
}

/// An error with this reason unless the condition holds.
fn expect(holds: bool, reason: &str) -> Result<(), String> {
    if holds {
        Ok(())
    } else {
        Err(reason.to_owned())
    }
}
