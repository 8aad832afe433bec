//! A client of cStar with rules and calendars of its own, and a model of both.

mod calendars;

use crate::client::{Answer, Client, Request};
use crate::site::{Offered, Shared};
use fastrand::Rng;
use http::Method;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Thirty-two callers' rules stay below a team's 200.
const MAX_RULES: usize = 10;
/// Requests whose keys are remembered, to be repeated later.
const MAX_DONE: usize = 16;
const RESOLUTION: u64 = 1_000;

pub struct Rules {
    client: Client,
    random: Rng,
    team: usize,
    /// The team's path.
    base: String,
    /// The other team's.
    foreign: String,
    /// What the names of its own begin with.
    prefix: String,
    made: u64,
    rules: Vec<Rule>,
    calendars: Vec<calendars::Calendar>,
    /// Ids and names of rules and calendars whose last request was given up: it may have been applied.
    doubtful: BTreeSet<String>,
    /// Ids of calendars that doubtful rules may name.
    perhaps_named: BTreeSet<String>,
    /// Requests that were done: key, body, id.
    done: Vec<(String, Value, String)>,
}

#[derive(Clone)]
struct Rule {
    id: String,
    /// Its JSON without the id.
    members: Map<String, Value>,
    version: u64,
}

impl Rule {
    fn json(&self) -> Value {
        let mut json = self.members.clone();
        json.insert("id".to_owned(), json!(self.id));
        Value::Object(json)
    }

    fn calendar(&self) -> Option<&str> {
        self.members.get("calendarId")?.as_str()
    }
}

impl Rules {
    pub fn new(site: &Shared, team: usize, number: u64, mut random: Rng) -> Rules {
        let [first, second] = &site.teams;
        let (own, other) = if team == 0 {
            (first, second)
        } else {
            (second, first)
        };
        let base = |id: &str| format!("/api/v1/teams/{id}/sla");
        Rules {
            client: Client::new(site, &own.key, random.fork()),
            random,
            team,
            base: base(&own.id),
            foreign: base(&other.id),
            prefix: format!("t{team}-c{number}-"),
            made: 0,
            rules: Vec::new(),
            calendars: Vec::new(),
            doubtful: BTreeSet::new(),
            perhaps_named: BTreeSet::new(),
            done: Vec::new(),
        }
    }

    pub async fn act(&mut self) {
        match self.random.u8(..26) {
            0..3 => self.create().await,
            3..6 => self.get().await,
            6..9 => self.change().await,
            9 | 10 => self.delete().await,
            11 => self.list().await,
            12 => self.change_stale().await,
            13 => self.repeat().await,
            14 => self.read_other_team().await,
            15 | 16 => self.preview().await,
            17 | 18 => self.create_calendar().await,
            19 => self.get_calendar().await,
            20 | 21 => self.change_calendar().await,
            22 => self.replace_holidays().await,
            23 => self.list_calendars().await,
            24 => self.default_calendar().await,
            _ => self.delete_calendar().await,
        }
    }

    /// Compares everything, once nothing is broken any more.
    pub async fn check(&mut self) {
        self.list().await;
        self.list_calendars().await;
        for rule in self.rules.clone() {
            self.get_one(&rule).await;
        }
        for calendar in self.calendars.clone() {
            self.get_one_calendar(&calendar).await;
        }
    }

    /// A name, and an idempotency key, that were never used before.
    fn fresh(&mut self) -> String {
        self.made += 1;
        format!("{}{}", self.prefix, self.made)
    }

    fn any(&mut self) -> Option<(usize, Rule)> {
        let place = self.random.choice(0..self.rules.len())?;
        Some((place, self.rules.get(place)?.clone()))
    }

    fn path(&self, rule: &Rule) -> String {
        format!("{}/rules/{}", self.base, rule.id)
    }

    async fn create(&mut self) {
        if self.rules.len() >= MAX_RULES {
            return self.delete().await;
        }
        let name = self.fresh();
        let priority = self
            .random
            .choice(&["low", "normal", "high", "urgent"])
            .copied();
        let mut body = json!({
            "name": name,
            "priority": priority,
            "responseTarget": 1 + self.random.u64(..RESOLUTION),
            "resolutionTarget": RESOLUTION,
            "businessHoursOnly": self.random.bool(),
            "enabled": self.random.bool(),
        });
        let calendar = if self.random.u8(..100) < 40 {
            self.any_calendar().map(|(_, calendar)| calendar.id)
        } else {
            None
        };
        if let (Some(calendar), Some(body)) = (&calendar, body.as_object_mut()) {
            body.insert("calendarId".to_owned(), json!(calendar));
        }
        let request = Request::new("rule create", Method::POST, format!("{}/rules", self.base))
            .with("idempotency-key", name.clone())
            .json(&body);
        let Some(answer) = self.client.ask(&request).await else {
            self.doubtful.insert(name);
            self.perhaps_named.extend(calendar);
            return;
        };
        let id = answer.text("/data/id");
        let (true, Some(id)) = (self.client.expects(&answer, &[201]), id) else {
            self.doubtful.insert(name);
            self.perhaps_named.extend(calendar);
            return;
        };
        let rule = Rule {
            id,
            members: body.as_object().cloned().unwrap_or_default(),
            version: 1,
        };
        self.expect_rule(&answer, &rule);
        let replayed = answer.header("idempotent-replayed").is_some();
        let honest = !replayed || answer.may_be_repeated();
        self.client
            .holds(&answer, honest, "replayed, but sent only once");
        let site = Shared::clone(&self.client.site);
        site.board.offer(self.team, Offered::Rule, &rule.id);
        if self.done.len() >= MAX_DONE {
            self.done.remove(0);
        }
        self.done.push((name, body, rule.id.clone()));
        self.rules.push(rule);
    }

    /// The answer has this rule, in this version.
    fn expect_rule(&self, answer: &Answer, rule: &Rule) {
        let same = *answer.at("/data") == rule.json();
        self.client
            .holds(answer, same, &format!("expected {}", rule.json()));
        let version = answer.version() == Some(rule.version);
        self.client.holds(
            answer,
            version,
            &format!("expected version {}", rule.version),
        );
    }

    async fn get(&mut self) {
        if let Some((_, rule)) = self.any() {
            self.get_one(&rule).await;
        }
    }

    async fn get_one(&mut self, rule: &Rule) {
        let request = Request::get("rule get", self.path(rule));
        if let Some(answer) = self.client.ask(&request).await
            && self.client.expects(&answer, &[200])
        {
            self.expect_rule(&answer, rule);
        }
    }

    async fn change(&mut self) {
        let Some((place, was)) = self.any() else {
            return;
        };
        let mut rule = was.clone();
        let mut body = json!({
            "responseTarget": 1 + self.random.u64(..RESOLUTION),
            "enabled": self.random.bool(),
        });
        if let Some(body) = body.as_object_mut() {
            rule.members.extend(body.clone());
            if self.random.u8(..100) < 30 {
                // Another calendar, or none.
                match self.any_calendar() {
                    Some((_, calendar)) if self.random.u8(..100) < 60 => {
                        body.insert("calendarId".to_owned(), json!(calendar.id));
                        rule.members
                            .insert("calendarId".to_owned(), json!(calendar.id));
                    }
                    _ => {
                        body.insert("calendarId".to_owned(), Value::Null);
                        rule.members.remove("calendarId");
                    }
                }
            }
        }
        let mut request = Request::new("rule change", Method::PATCH, self.path(&rule))
            .with("idempotency-key", self.fresh());
        if self.random.bool() {
            request = request.with("if-match", format!("\"{}\"", was.version));
        }
        let Some(answer) = self.client.ask(&request.json(&body)).await else {
            self.rules.remove(place);
            self.doubt(&was);
            self.doubt(&rule);
            return;
        };
        if self.client.expects(&answer, &[200]) {
            // A repeated request is replayed, so it counts once.
            rule.version = was.version + 1;
            self.expect_rule(&answer, &rule);
            if let Some(slot) = self.rules.get_mut(place) {
                *slot = rule;
            }
        }
    }

    /// Stops checking a rule.
    fn doubt(&mut self, rule: &Rule) {
        self.perhaps_named
            .extend(rule.calendar().map(str::to_owned));
        self.doubtful.insert(rule.id.clone());
    }

    async fn delete(&mut self) {
        let Some((place, rule)) = self.any() else {
            return;
        };
        self.rules.remove(place);
        let site = Shared::clone(&self.client.site);
        site.board.delete(&rule.id);
        let request = Request::new("rule delete", Method::DELETE, self.path(&rule));
        let Some(answer) = self.client.ask(&request).await else {
            self.doubt(&rule);
            return;
        };
        let gone: &[u16] = if answer.may_be_repeated() {
            &[200, 404]
        } else {
            &[200]
        };
        self.client.expects(&answer, gone);
    }

    async fn list(&mut self) {
        let request = Request::get("rule list", format!("{}/rules", self.base));
        let Some(answer) = self.client.ask(&request).await else {
            return;
        };
        if self.client.expects(&answer, &[200]) {
            let rules: Vec<Value> = self.rules.iter().map(Rule::json).collect();
            self.is_listed(&answer, &rules, |own, row| own == row);
        }
    }

    /// The list has all of this caller's own, as the model has it, and nothing of another team.
    fn is_listed(&self, answer: &Answer, own: &[Value], same: fn(&Value, &Value) -> bool) {
        let listed = answer.at("/data").as_array().cloned().unwrap_or_default();
        let of_team = format!("t{}-", self.team);
        for row in &listed {
            let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
            let doubtful =
                self.doubtful.contains(text("id")) || self.doubtful.contains(text("name"));
            let known = if text("name").starts_with(&self.prefix) {
                doubtful || own.iter().any(|one| same(one, row))
            } else {
                text("name").starts_with(&of_team)
            };
            self.client
                .holds(answer, known, &format!("unexpected {row}"));
        }
        for one in own {
            let there = listed.iter().any(|row| same(one, row));
            self.client
                .holds(answer, there, &format!("{one} is missing"));
        }
    }

    /// A change that starts from a version that is not the present one is refused.
    async fn change_stale(&mut self) {
        let Some((_, rule)) = self.any() else {
            return;
        };
        let request = Request::new("rule change, stale", Method::PATCH, self.path(&rule))
            .with("if-match", format!("\"{}\"", rule.version + 7))
            .json(&json!({"enabled": true}));
        if let Some(answer) = self.client.ask(&request).await {
            self.client.expects(&answer, &[412]);
        }
    }

    /// A used key replays its response, or is refused with another body.
    async fn repeat(&mut self) {
        let Some((key, body, id)) = self.random.choice(&self.done).cloned() else {
            return;
        };
        let other = self.random.u8(..100) < 30;
        let mut sent = body;
        if let (true, Some(sent)) = (other, sent.as_object_mut()) {
            sent.insert("name".to_owned(), json!("another"));
        }
        let request = Request::new(
            "rule create, again",
            Method::POST,
            format!("{}/rules", self.base),
        )
        .with("idempotency-key", key)
        .json(&sent);
        let Some(answer) = self.client.ask(&request).await else {
            return;
        };
        if other {
            self.client.expects(&answer, &[409]);
        } else if self.client.expects(&answer, &[201]) {
            let same = answer.text("/data/id") == Some(id);
            self.client.holds(&answer, same, "created a second time");
            let marked = answer.header("idempotent-replayed") == Some("true");
            self.client.holds(&answer, marked, "not marked as replayed");
        }
    }

    /// Another team is forbidden, and its rules do not exist for this one.
    async fn read_other_team(&mut self) {
        let site = Shared::clone(&self.client.site);
        let Some(id) = site.board.offered(1 - self.team, Offered::Rule) else {
            return;
        };
        let (base, status) = if self.random.bool() {
            (&self.base, 404)
        } else {
            (&self.foreign, 403)
        };
        let request = Request::get("rule of another team", format!("{base}/rules/{id}"));
        if let Some(answer) = self.client.ask(&request).await {
            self.client.expects(&answer, &[status]);
        }
    }
}
