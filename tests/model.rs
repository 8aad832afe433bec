//! Random sequences of requests by several actors equal a plain model in memory, bodies included.
//!
//! `DUELINE_SEQUENCES` says how many sequences (24 unless said otherwise), `DUELINE_SEED` where
//! they start. A failure prints the seed and the shortest sequence that fails.

mod calendars;

use std::env;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};
use serde_json::{Map, Value, json};

use crate::actors::{Actor, Answer, POLICIES, Team};
use crate::world;

crate::stories![random_sequences_equal_a_plain_model];

const SEQUENCES: u32 = 24;
const LONGEST_SEQUENCE: usize = 24;

/// Who asks: two keys of one team in its two worlds, and one of another team.
const WORLDS: usize = 3;

#[derive(Clone, Debug)]
enum Ask {
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
        world: usize,
        members: Members,
        key: Option<u8>,
    },
    ChangeRule {
        world: usize,
        nth: usize,
        members: Members,
        seen: Seen,
        key: Option<u8>,
    },
    DeleteRule {
        world: usize,
        nth: usize,
        seen: Seen,
    },
    GetRule {
        world: usize,
        nth: usize,
        seen: Seen,
    },
    ListRules {
        world: usize,
    },
    Calendars(calendars::Ask),
}

#[derive(Clone, Debug)]
struct Members {
    name: Option<&'static str>,
    priority: Option<&'static str>,
    response: Option<u32>,
    resolution: Option<u32>,
    hours_only: Option<bool>,
    enabled: Option<bool>,
    /// Absent, `null`, or the nth calendar of the caller's, be there so many or not.
    calendar: Option<Option<usize>>,
}

/// Which version a conditional request names.
#[derive(Clone, Copy, Debug)]
enum Seen {
    Nothing,
    Current,
    Stale,
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        11 => about_policies(),
        12 => about_rules(),
        8 => calendars::ask().prop_map(Ask::Calendars),
    ]
}

fn about_policies() -> impl Strategy<Value = Ask> {
    let name = || select(vec!["", "a", "b", "B", "ab", "é"]);
    let due = || select(vec![0_u32, 1, 2, 3]);
    let (team, nth) = (|| 0..2_usize, || 0..4_usize);
    prop_oneof![
        4 => (team(), name(), due()).prop_map(|(team, name, due)| Ask::CreatePolicy { team, name, due }),
        3 => (team(), nth(), name(), due())
            .prop_map(|(team, nth, name, due)| Ask::ReplacePolicy { team, nth, name, due }),
        1 => (team(), nth()).prop_map(|(team, nth)| Ask::DeletePolicy { team, nth }),
        1 => (team(), nth()).prop_map(|(team, nth)| Ask::GetPolicy { team, nth }),
        2 => (team(), select(vec!["", "B", "é"]), 0..3_usize, 0..3_usize, any::<bool>()).prop_map(
            |(team, text, count, offset, descending)| Ask::ListPolicies { team, text, count, offset, descending }
        ),
    ]
}

fn about_rules() -> impl Strategy<Value = Ask> {
    let (world, nth) = (|| 0..WORLDS, || 0..4_usize);
    let key = || option::weighted(0.3, 0..2_u8);
    prop_oneof![
        4 => (world(), members(0.9), key())
            .prop_map(|(world, members, key)| Ask::CreateRule { world, members, key }),
        4 => (world(), nth(), members(0.3), seen(), key())
            .prop_map(|(world, nth, members, seen, key)| Ask::ChangeRule { world, nth, members, seen, key }),
        1 => (world(), nth(), seen()).prop_map(|(world, nth, seen)| Ask::DeleteRule { world, nth, seen }),
        1 => (world(), nth(), seen()).prop_map(|(world, nth, seen)| Ask::GetRule { world, nth, seen }),
        2 => world().prop_map(|world| Ask::ListRules { world }),
    ]
}

fn seen() -> impl Strategy<Value = Seen> {
    select(vec![
        Seen::Nothing,
        Seen::Nothing,
        Seen::Current,
        Seen::Stale,
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
    )
        .prop_map(
            |(name, priority, response, resolution, hours_only, enabled, calendar)| Members {
                name,
                priority,
                response,
                resolution,
                hours_only,
                enabled,
                calendar,
            },
        )
}

async fn random_sequences_equal_a_plain_model() {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse().ok());
    let seed: u64 = number("DUELINE_SEED").unwrap_or(20_261_122);
    let config = Config {
        cases: number("DUELINE_SEQUENCES").map_or(SEQUENCES, |n: u64| u32::try_from(n).unwrap()),
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    // proptest is synchronous: it gets a thread of its own.
    let run = tokio::task::spawn_blocking(move || {
        let mut runner = TestRunner::new(config);
        runner.run(&vec(ask(), 1..LONGEST_SEQUENCE), |asks| {
            world::runtime()
                .block_on(compare(asks))
                .map_err(TestCaseError::fail)
        })
    });
    match run.await.expect("proptest ends") {
        Ok(()) => {}
        Err(TestError::Fail(reason, asks)) => {
            panic!("DUELINE_SEED={seed} replays this: {reason}\nafter {asks:#?}")
        }
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

async fn compare(asks: Vec<Ask>) -> Result<(), String> {
    let mut model = Model::begin().await;
    for (number, ask) in asks.into_iter().enumerate() {
        let told = format!("{ask:?}");
        model
            .ask(ask)
            .await
            .map_err(|reason| format!("request {number}, {told}: {reason}"))?;
    }
    Ok(())
}

/// The plain model: lists of JSON objects in the order of their creation.
struct Model {
    managers: Vec<Actor>,
    policies: Vec<Vec<Policy>>,
    keys: Vec<(Actor, String)>,
    rules: Vec<Vec<Rule>>,
    calendars: Vec<Vec<calendars::Calendar>>,
    /// World, path, method and key; what the body said; what was answered.
    done: Vec<(String, Value, (u16, Value))>,
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
    async fn begin() -> Model {
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
            rules: vec![Vec::new(); WORLDS],
            calendars: vec![Vec::new(); WORLDS],
            done: Vec::new(),
        }
    }

    async fn ask(&mut self, ask: Ask) -> Result<(), String> {
        match ask {
            Ask::CreatePolicy { team, name, due } => self.create_policy(team, name, due).await,
            Ask::ReplacePolicy {
                team,
                nth,
                name,
                due,
            } => self.replace_policy(team, nth, name, due).await,
            Ask::DeletePolicy { team, nth } => self.delete_policy(team, nth).await,
            Ask::GetPolicy { team, nth } => self.get_policy(team, nth).await,
            Ask::ListPolicies {
                team,
                text,
                count,
                offset,
                descending,
            } => {
                self.list_policies(team, text, count, offset, descending)
                    .await
            }
            Ask::CreateRule {
                world,
                members,
                key,
            } => self.create_rule(world, &members, key).await,
            Ask::ChangeRule {
                world,
                nth,
                members,
                seen,
                key,
            } => self.change_rule(world, nth, &members, seen, key).await,
            Ask::DeleteRule { world, nth, seen } => self.delete_rule(world, nth, seen).await,
            Ask::GetRule { world, nth, seen } => self.get_rule(world, nth, seen).await,
            Ask::Calendars(ask) => self.ask_calendars(ask).await,
            Ask::ListRules { world } => {
                let (caller, path) = &self.keys[world];
                let rules: Vec<Value> = self.rules[world].iter().map(Rule::told).collect();
                let answer = caller.get(path).await;
                same(&answer, 200, &json!({"success": true, "data": rules}))
            }
        }
    }

    async fn create_policy(&mut self, team: usize, name: &str, due: u32) -> Result<(), String> {
        let answer = self.managers[team].post(POLICIES, &body(name, due)).await;
        if let Some(refused) = self.refused(team, None, name, due) {
            return same(&answer, 400, &refused);
        }
        let id = answer.json()["sla"]["_id"]
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
        same(&answer, 200, &json!({"sla": sla, "success": true}))
    }

    async fn replace_policy(
        &mut self,
        team: usize,
        nth: usize,
        name: &str,
        due: u32,
    ) -> Result<(), String> {
        let (id, place) = self.policy(team, nth);
        let answer = self.managers[team]
            .put(&format!("{POLICIES}/{id}"), &body(name, due))
            .await;
        if let Some(refused) = invalid(name, due) {
            return same(&answer, 400, &refused);
        }
        let Some(place) = place else {
            return same(&answer, 404, &unknown(&id));
        };
        if let Some(refused) = self.refused(team, Some(place), name, due) {
            return same(&answer, 400, &refused);
        }
        let at = answer.json()["sla"]["_updatedAt"].clone();
        let sla = json!({"name": name, "description": name, "dueTimeInMinutes": due, "_updatedAt": at, "_id": id});
        self.policies[team][place] = Policy {
            id,
            name: name.to_owned(),
            due,
            updated_at: Some(at),
        };
        same(&answer, 200, &json!({"sla": sla, "success": true}))
    }

    async fn delete_policy(&mut self, team: usize, nth: usize) -> Result<(), String> {
        let (id, place) = self.policy(team, nth);
        let answer = self.managers[team]
            .delete(&format!("{POLICIES}/{id}"))
            .await;
        let Some(place) = place else {
            return same(&answer, 400, &unknown(&id));
        };
        self.policies[team].remove(place);
        same(&answer, 200, &json!({"success": true}))
    }

    async fn get_policy(&mut self, team: usize, nth: usize) -> Result<(), String> {
        let (id, place) = self.policy(team, nth);
        let answer = self.managers[team].get(&format!("{POLICIES}/{id}")).await;
        let Some(place) = place else {
            return same(&answer, 404, &unknown(&id));
        };
        let mut told = self.policies[team][place].told(&answer.json()["_updatedAt"]);
        told["success"] = json!(true);
        same(&answer, 200, &told)
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
        let answer = self.managers[team].get(&format!("{POLICIES}{query}")).await;
        let told = answer.json();
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
            .map(|(n, policy)| policy.told(&told["sla"][n]["_updatedAt"]))
            .collect();
        let page = json!({"sla": rows, "count": rows.len(), "offset": offset, "total": total, "success": true});
        same(&answer, 200, &page)
    }

    async fn create_rule(
        &mut self,
        world: usize,
        members: &Members,
        key: Option<u8>,
    ) -> Result<(), String> {
        let (caller, path) = self.keys[world].clone();
        let answer = keyed(&caller, key)
            .post(&path, &self.body(world, members))
            .await;
        if answer.status == 400 {
            return expect(
                self.laid_over(world, members, None).is_none(),
                "it is valid",
            );
        }
        let scope = format!("{world} POST {path} {key:?}");
        if let Some(repeated) = self.repeated(key, &scope, &self.body(world, members), &answer) {
            return repeated;
        }
        let id = answer.json()["data"]["id"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let members_now = self
            .laid_over(world, members, None)
            .ok_or("it is not valid, and was made")?;
        let rule = Rule {
            id,
            members: members_now,
            version: 1,
        };
        let told = json!({"success": true, "data": rule.told()});
        self.rules[world].push(rule);
        self.done
            .push((scope, self.body(world, members), (201, told.clone())));
        same(&answer, 201, &told)?;
        expect(
            answer.header("etag") == Some("\"1\""),
            "a new rule has version 1",
        )
    }

    async fn change_rule(
        &mut self,
        world: usize,
        nth: usize,
        members: &Members,
        seen: Seen,
        key: Option<u8>,
    ) -> Result<(), String> {
        let (caller, _) = self.keys[world].clone();
        let (path, place) = self.rule(world, nth);
        let version = place.map_or(1, |place| self.rules[world][place].version);
        let caller = seen.on(&keyed(&caller, key), "if-match", version);
        let answer = caller.patch(&path, &self.body(world, members)).await;
        let Some(place) = place else {
            return expect(answer.status == 404, "404");
        };
        let Some(members_now) =
            self.laid_over(world, members, Some(&self.rules[world][place].members))
        else {
            return expect(answer.status == 400, "400");
        };
        let scope = format!("{world} PATCH {path} {key:?}");
        if let Some(repeated) = self.repeated(key, &scope, &self.body(world, members), &answer) {
            return repeated;
        }
        if matches!(seen, Seen::Stale) {
            return expect(answer.status == 412, "412");
        }
        let rule = &mut self.rules[world][place];
        rule.members = members_now;
        rule.version += 1;
        let told = json!({"success": true, "data": rule.told()});
        let tag = format!("\"{}\"", rule.version);
        self.done
            .push((scope, self.body(world, members), (200, told.clone())));
        same(&answer, 200, &told)?;
        expect(
            answer.header("etag") == Some(&tag),
            "the tag is the version",
        )
    }

    async fn delete_rule(&mut self, world: usize, nth: usize, seen: Seen) -> Result<(), String> {
        let (path, place) = self.rule(world, nth);
        let version = place.map_or(1, |place| self.rules[world][place].version);
        let answer = seen
            .on(&self.keys[world].0, "if-match", version)
            .delete(&path)
            .await;
        let Some(place) = place else {
            return expect(answer.status == 404, "404");
        };
        if matches!(seen, Seen::Stale) {
            return expect(answer.status == 412, "412");
        }
        let rule = self.rules[world].remove(place);
        same(
            &answer,
            200,
            &json!({"success": true, "data": {"id": rule.id, "deleted": true}}),
        )
    }

    async fn get_rule(&mut self, world: usize, nth: usize, seen: Seen) -> Result<(), String> {
        let (path, place) = self.rule(world, nth);
        let version = place.map_or(1, |place| self.rules[world][place].version);
        let answer = seen
            .on(&self.keys[world].0, "if-none-match", version)
            .get(&path)
            .await;
        let Some(place) = place else {
            return expect(answer.status == 404, "404");
        };
        if matches!(seen, Seen::Current) {
            return expect(answer.status == 304 && answer.body.is_empty(), "304");
        }
        same(
            &answer,
            200,
            &json!({"success": true, "data": self.rules[world][place].told()}),
        )
    }

    /// Whether this is an earlier request again, and was answered as one.
    fn repeated(
        &self,
        key: Option<u8>,
        scope: &str,
        body: &Value,
        answer: &Answer,
    ) -> Option<Result<(), String>> {
        key?;
        let (_, said, (status, told)) = self.done.iter().find(|(other, ..)| other == scope)?;
        if said != body {
            return Some(expect(answer.status == 409, "409"));
        }
        let marked = answer.header("idempotent-replayed") == Some("true");
        Some(same(answer, *status, told).and_then(|()| expect(marked, "it is marked as replayed")))
    }

    fn refused(&self, team: usize, but: Option<usize>, name: &str, due: u32) -> Option<Value> {
        let others = self.policies[team]
            .iter()
            .enumerate()
            .filter(|(place, _)| Some(*place) != but);
        let taken = others
            .into_iter()
            .any(|(_, other)| other.name == name || other.due == due);
        invalid(name, due)
            .or_else(|| taken.then(|| json!({"success": false, "error": "error-duplicated-sla"})))
    }

    /// The nth policy's id, and where it is; an id of nobody's if there are not so many.
    fn policy(&self, team: usize, nth: usize) -> (String, Option<usize>) {
        let of_none = || ("0".repeat(24), None);
        self.policies[team]
            .get(nth)
            .map_or_else(of_none, |policy| (policy.id.clone(), Some(nth)))
    }

    fn rule(&self, world: usize, nth: usize) -> (String, Option<usize>) {
        let path = |id: &str| format!("{}/{id}", self.keys[world].1);
        let of_none = || (path(&format!("sla_{}", "0".repeat(32))), None);
        self.rules[world]
            .get(nth)
            .map_or_else(of_none, |rule| (path(&rule.id), Some(nth)))
    }
}

impl Policy {
    fn told(&self, at: &Value) -> Value {
        let at = self.updated_at.as_ref().unwrap_or(at);
        json!({"_id": self.id, "name": self.name, "description": self.name, "dueTimeInMinutes": self.due, "_updatedAt": at})
    }
}

impl Rule {
    fn told(&self) -> Value {
        let mut told = json!({"id": self.id});
        told.as_object_mut()
            .expect("an object")
            .extend(self.members.clone());
        told
    }
}

impl Model {
    fn body(&self, world: usize, members: &Members) -> Value {
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
                    .map(|nth| nth.map_or(Value::Null, |nth| self.calendar_id(world, nth).into())),
            ),
        ];
        given
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    }

    /// The members of a rule after this, if it is valid. `was` is none for a new rule.
    fn laid_over(
        &self,
        world: usize,
        members: &Members,
        was: Option<&Map<String, Value>>,
    ) -> Option<Map<String, Value>> {
        let given = self.body(world, members);
        let member = |name: &str| given.get(name).or_else(|| was?.get(name)).cloned();
        let mut now = json!({
            "name": member("name")?,
            "priority": member("priority")?,
            "responseTarget": member("responseTarget")?,
            "resolutionTarget": member("resolutionTarget")?,
            "businessHoursOnly": member("businessHoursOnly").unwrap_or(json!(false)),
            "enabled": member("enabled").unwrap_or(json!(true)),
        });
        let calendar_is_there = match member("calendarId") {
            None => true,
            Some(Value::Null) => was.is_some(),
            Some(id) => {
                now["calendarId"] = id.clone();
                self.calendars[world]
                    .iter()
                    .any(|calendar| id == calendar.id.as_str())
            }
        };
        let minutes = |name: &str| now[name].as_u64().expect("a number");
        let valid = now["name"] != ""
            && now["priority"] != "Low"
            && minutes("responseTarget") > 0
            && minutes("resolutionTarget") >= minutes("responseTarget")
            && calendar_is_there;
        valid.then(|| now.as_object().expect("an object").clone())
    }
}

impl Seen {
    fn on(self, caller: &Actor, header: &'static str, version: u64) -> Actor {
        match self {
            Seen::Nothing => caller.clone(),
            Seen::Current => caller.with(header, format!("\"{version}\"")),
            Seen::Stale => caller.with(header, format!("\"{}\"", version + 7)),
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

/// Status and body, members in the same order.
fn same(answer: &Answer, status: u16, body: &Value) -> Result<(), String> {
    let (told, expected) = (
        (answer.status, answer.body.as_str()),
        (status, body.to_string()),
    );
    expect(
        told == (expected.0, &expected.1),
        &format!("{told:?} instead of {expected:?}"),
    )
}

fn expect(holds: bool, reason: &str) -> Result<(), String> {
    if holds {
        Ok(())
    } else {
        Err(reason.to_owned())
    }
}
