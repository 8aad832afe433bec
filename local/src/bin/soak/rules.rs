//! A client of cStar with its own rules and calendars, and a model of both.

mod calendars;

use crate::client::{Client, Request, Response};
use crate::site::{Offered, Shared};
use fastrand::Rng;
use http::Method;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Few enough that thirty-two callers stay below a team's limit of 200 rules.
const MAX_RULES: usize = 10;
/// Requests that are remembered with their keys, to be repeated later.
const MAX_REMEMBERED: usize = 16;
const RESOLUTION: u64 = 1_000;

pub struct Rules {
    client: Client,
    random: Rng,
    team: usize,
    /// The team's path.
    base: String,
    /// The other team's.
    foreign: String,
    /// The prefix of its resources' names.
    prefix: String,
    created: u64,
    rules: Vec<Rule>,
    calendars: Vec<calendars::Calendar>,
    /// Ids and names of rules and calendars whose last request was given up, so that it may have
    /// been applied.
    uncertain: BTreeSet<String>,
    /// Ids of calendars that uncertain rules may name.
    possibly_named: BTreeSet<String>,
    /// Successful requests: key, body, id.
    remembered: Vec<(String, Value, String)>,
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
            created: 0,
            rules: Vec::new(),
            calendars: Vec::new(),
            uncertain: BTreeSet::new(),
            possibly_named: BTreeSet::new(),
            remembered: Vec::new(),
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

    /// Compares everything with the model, once no more faults are injected.
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

    /// A text that has never been used as a name or as an idempotency key.
    fn fresh(&mut self) -> String {
        self.created += 1;
        format!("{}{}", self.prefix, self.created)
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
        let Some(response) = self.client.send(&request).await else {
            self.uncertain.insert(name);
            self.possibly_named.extend(calendar);
            return;
        };
        let id = response.text("/data/id");
        let (true, Some(id)) = (self.client.expects(&response, &[201]), id) else {
            self.uncertain.insert(name);
            self.possibly_named.extend(calendar);
            return;
        };
        let rule = Rule {
            id,
            members: body.as_object().cloned().unwrap_or_default(),
            version: 1,
        };
        self.expect_rule(&response, &rule);
        let replayed = response.header("idempotent-replayed").is_some();
        let is_plausible = !replayed || response.may_be_repeated();
        self.client
            .check(&response, is_plausible, "replayed, but sent only once");
        let site = Shared::clone(&self.client.site);
        site.board.offer(self.team, Offered::Rule, &rule.id);
        if self.remembered.len() >= MAX_REMEMBERED {
            self.remembered.remove(0);
        }
        self.remembered.push((name, body, rule.id.clone()));
        self.rules.push(rule);
    }

    /// The response is this rule, in this version.
    fn expect_rule(&self, response: &Response, rule: &Rule) {
        let same = *response.at("/data") == rule.json();
        self.client
            .check(response, same, &format!("expected {}", rule.json()));
        let version = response.version() == Some(rule.version);
        self.client.check(
            response,
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
        if let Some(response) = self.client.send(&request).await
            && self.client.expects(&response, &[200])
        {
            self.expect_rule(&response, rule);
        }
    }

    async fn change(&mut self) {
        let Some((place, current)) = self.any() else {
            return;
        };
        let mut rule = current.clone();
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
            request = request.with("if-match", format!("\"{}\"", current.version));
        }
        let Some(response) = self.client.send(&request.json(&body)).await else {
            self.rules.remove(place);
            self.mark_uncertain(&current);
            self.mark_uncertain(&rule);
            return;
        };
        if self.client.expects(&response, &[200]) {
            // A repeated request is replayed, so that it counts once.
            rule.version = current.version + 1;
            self.expect_rule(&response, &rule);
            if let Some(slot) = self.rules.get_mut(place) {
                *slot = rule;
            }
        }
    }

    /// Stops checking a rule.
    fn mark_uncertain(&mut self, rule: &Rule) {
        self.possibly_named
            .extend(rule.calendar().map(str::to_owned));
        self.uncertain.insert(rule.id.clone());
    }

    async fn delete(&mut self) {
        let Some((place, rule)) = self.any() else {
            return;
        };
        self.rules.remove(place);
        let site = Shared::clone(&self.client.site);
        site.board.delete(&rule.id);
        let request = Request::new("rule delete", Method::DELETE, self.path(&rule));
        let Some(response) = self.client.send(&request).await else {
            self.mark_uncertain(&rule);
            return;
        };
        let gone: &[u16] = if response.may_be_repeated() {
            &[200, 404]
        } else {
            &[200]
        };
        self.client.expects(&response, gone);
    }

    async fn list(&mut self) {
        let request = Request::get("rule list", format!("{}/rules", self.base));
        let Some(response) = self.client.send(&request).await else {
            return;
        };
        if self.client.expects(&response, &[200]) {
            let rules: Vec<Value> = self.rules.iter().map(Rule::json).collect();
            self.expect_listed(&response, &rules, |own, row| own == row);
        }
    }

    /// The list has everything of this caller as in the model, and nothing of another team.
    fn expect_listed(&self, response: &Response, own: &[Value], same: fn(&Value, &Value) -> bool) {
        let listed = response.at("/data").as_array().cloned().unwrap_or_default();
        let of_team = format!("t{}-", self.team);
        for row in &listed {
            let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
            let uncertain =
                self.uncertain.contains(text("id")) || self.uncertain.contains(text("name"));
            let known = if text("name").starts_with(&self.prefix) {
                uncertain || own.iter().any(|one| same(one, row))
            } else {
                text("name").starts_with(&of_team)
            };
            self.client
                .check(response, known, &format!("unexpected {row}"));
        }
        for one in own {
            let there = listed.iter().any(|row| same(one, row));
            self.client
                .check(response, there, &format!("{one} is missing"));
        }
    }

    /// A change to a version other than the current one is refused.
    async fn change_stale(&mut self) {
        let Some((_, rule)) = self.any() else {
            return;
        };
        let request = Request::new("rule change, stale", Method::PATCH, self.path(&rule))
            .with("if-match", format!("\"{}\"", rule.version + 7))
            .json(&json!({"enabled": true}));
        if let Some(response) = self.client.send(&request).await {
            self.client.expects(&response, &[412]);
        }
    }

    /// A key that has been used replays its response, or is refused if the body differs.
    async fn repeat(&mut self) {
        let Some((key, body, id)) = self.random.choice(&self.remembered).cloned() else {
            return;
        };
        let is_other_body = self.random.u8(..100) < 30;
        let mut sent = body;
        if let (true, Some(sent)) = (is_other_body, sent.as_object_mut()) {
            sent.insert("name".to_owned(), json!("another"));
        }
        let request = Request::new(
            "rule create, again",
            Method::POST,
            format!("{}/rules", self.base),
        )
        .with("idempotency-key", key)
        .json(&sent);
        let Some(response) = self.client.send(&request).await else {
            return;
        };
        if is_other_body {
            self.client.expects(&response, &[409]);
        } else if self.client.expects(&response, &[201]) {
            let same = response.text("/data/id") == Some(id);
            self.client.check(&response, same, "created a second time");
            let marked = response.header("idempotent-replayed") == Some("true");
            self.client
                .check(&response, marked, "not marked as replayed");
        }
    }

    /// Another team's path is forbidden, and its rules look nonexistent.
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
        if let Some(response) = self.client.send(&request).await {
            self.client.expects(&response, &[status]);
        }
    }
}
