//! A client of Rocket.Chat with its own policies, whose names and due times no other caller uses.

use crate::client::{Client, Request, Response};
use crate::site::{Offered, Shared};
use fastrand::Rng;
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const PATH: &str = "/api/v1/livechat/sla";
/// How many due times a caller has to itself.
const DUE_TIMES_PER_CALLER: u64 = 50_000;
/// Few enough to fit on one page of a list.
const MAX_POLICIES: usize = 40;

pub struct Policies {
    client: Client,
    random: Rng,
    team: usize,
    /// The prefix of its policies' names.
    prefix: String,
    first_due: u64,
    created: u64,
    policies: Vec<Policy>,
    /// Names of policies that may exist, because the last request was given up.
    uncertain: BTreeSet<String>,
}

#[derive(Clone)]
struct Policy {
    id: String,
    name: String,
    due: u64,
}

impl Policy {
    fn body(&self) -> Value {
        json!({"name": self.name, "description": self.name, "dueTimeInMinutes": self.due})
    }

    /// Whether a row of a response is this policy.
    fn is(&self, row: &Value) -> bool {
        let member = |name: &str| row.get(name).unwrap_or(&Value::Null);
        *member("_id") == json!(self.id)
            && *member("name") == json!(self.name)
            && *member("description") == json!(self.name)
            && *member("dueTimeInMinutes") == json!(self.due)
    }
}

impl Policies {
    pub fn new(site: &Shared, team: usize, number: u64, mut random: Rng) -> Policies {
        let [first, second] = &site.teams;
        let access = if team == 0 { &first.user } else { &second.user };
        Policies {
            client: Client::new(site, access, random.fork()),
            random,
            team,
            prefix: format!("t{team}-c{number}-"),
            first_due: number * DUE_TIMES_PER_CALLER + 1,
            created: 0,
            policies: Vec::new(),
            uncertain: BTreeSet::new(),
        }
    }

    pub async fn act(&mut self) {
        let few = self.policies.len() < 3;
        match self.random.u8(..12) {
            0..3 => self.create().await,
            _ if few => self.create().await,
            3 | 4 => self.get().await,
            5 | 6 => self.replace().await,
            7 => self.list().await,
            8 => self.collide().await,
            9 => self.read_other_team().await,
            _ => self.delete().await,
        }
    }

    /// Compares everything with the model, once no more faults are injected.
    pub async fn check(&mut self) {
        self.list().await;
        for policy in self.policies.clone() {
            self.get_one(&policy).await;
        }
    }

    /// A policy whose name and due time have never been used.
    fn new_policy(&mut self) -> Policy {
        self.created += 1;
        Policy {
            id: String::new(),
            name: format!("{}{}", self.prefix, self.created),
            due: self.first_due + self.created,
        }
    }

    fn any(&mut self) -> Option<(usize, Policy)> {
        let place = self.random.choice(0..self.policies.len())?;
        Some((place, self.policies.get(place)?.clone()))
    }

    async fn create(&mut self) {
        if self.policies.len() >= MAX_POLICIES {
            return self.delete().await;
        }
        let mut policy = self.new_policy();
        let request = Request::new("policy create", Method::POST, PATH).json(&policy.body());
        let Some(response) = self.client.send(&request).await else {
            self.uncertain.insert(policy.name);
            return;
        };
        let found = if response.status == 400 && response.may_be_repeated() {
            // An earlier attempt was applied, and its policy has the name.
            expect_duplicate(&self.client, &response);
            self.find(&policy.name).await
        } else if self.client.expects(&response, &[200]) {
            response.text("/sla/_id")
        } else {
            None
        };
        let Some(id) = found else {
            self.uncertain.insert(policy.name);
            return;
        };
        policy.id = id;
        if response.status == 200 {
            let same = policy.is(response.at("/sla"));
            self.client
                .check(&response, same, "not the policy that was sent");
        }
        let site = Shared::clone(&self.client.site);
        site.board.offer(self.team, Offered::Policy, &policy.id);
        self.policies.push(policy);
    }

    async fn find(&mut self, name: &str) -> Option<String> {
        let request = Request::get("policy find", format!("{PATH}?text={name}"));
        let response = self.client.send(&request).await?;
        self.client.expects(&response, &[200]);
        let rows = response.at("/sla").as_array()?;
        let row = rows
            .iter()
            .find(|row| row.get("name") == Some(&json!(name)));
        self.client.check(
            &response,
            row.is_some(),
            "the name is in use, but no policy has it",
        );
        row?.get("_id")?.as_str().map(str::to_owned)
    }

    async fn get(&mut self) {
        if let Some((_, policy)) = self.any() {
            self.get_one(&policy).await;
        }
    }

    async fn get_one(&mut self, policy: &Policy) {
        let request = Request::get("policy get", format!("{PATH}/{}", policy.id));
        if let Some(response) = self.client.send(&request).await
            && self.client.expects(&response, &[200])
        {
            let same = policy.is(&response.body);
            self.client
                .check(&response, same, "not the policy that was written");
        }
    }

    async fn replace(&mut self) {
        let Some((place, current)) = self.any() else {
            return;
        };
        let fresh = self.new_policy();
        let mut policy = current.clone();
        // The name, the due time, both or neither.
        match self.random.u8(..4) {
            0 => policy.name = fresh.name,
            1 => policy.due = fresh.due,
            2 => (policy.name, policy.due) = (fresh.name, fresh.due),
            _ => {}
        }
        let path = format!("{PATH}/{}", policy.id);
        let request = Request::new("policy replace", Method::PUT, path).json(&policy.body());
        let Some(response) = self.client.send(&request).await else {
            self.policies.remove(place);
            self.uncertain.extend([current.name, policy.name]);
            return;
        };
        if self.client.expects(&response, &[200]) {
            let same = policy.is(response.at("/sla"));
            self.client
                .check(&response, same, "not the policy that was sent");
            if let Some(slot) = self.policies.get_mut(place) {
                *slot = policy;
            }
        }
    }

    async fn delete(&mut self) {
        let Some((place, policy)) = self.any() else {
            return;
        };
        self.policies.remove(place);
        let path = format!("{PATH}/{}", policy.id);
        let request = Request::new("policy delete", Method::DELETE, path);
        let Some(response) = self.client.send(&request).await else {
            self.uncertain.insert(policy.name);
            return;
        };
        if response.status == 400 && response.may_be_repeated() {
            let gone =
                response.text("/error") == Some(format!("SLA with id {} not found", policy.id));
            self.client.check(&response, gone, "the wrong error");
        } else {
            self.client.expects(&response, &[200]);
        }
    }

    async fn list(&mut self) {
        let path = format!("{PATH}?text={}&count=100", self.prefix);
        let Some(response) = self.client.send(&Request::get("policy list", path)).await else {
            return;
        };
        if !self.client.expects(&response, &[200]) {
            return;
        }
        let rows = response.at("/sla").as_array().cloned().unwrap_or_default();
        let name = |row: &Value| row.get("name").and_then(Value::as_str).map(str::to_owned);
        for row in &rows {
            let own = self.policies.iter().any(|policy| policy.is(row));
            let uncertain = name(row).is_some_and(|name| self.uncertain.contains(&name));
            self.client
                .check(&response, own || uncertain, "an unexpected row");
        }
        let missing = self
            .policies
            .iter()
            .find(|policy| !rows.iter().any(|row| policy.is(row)));
        let whole = missing.is_none();
        self.client.check(&response, whole, "a policy is missing");
    }

    /// A name or a due time that is already in use is refused.
    async fn collide(&mut self) {
        let Some((_, existing)) = self.any() else {
            return;
        };
        let mut policy = self.new_policy();
        if self.random.bool() {
            policy.name = existing.name;
        } else {
            policy.due = existing.due;
        }
        let request = Request::new("policy collide", Method::POST, PATH).json(&policy.body());
        if let Some(response) = self.client.send(&request).await {
            expect_duplicate(&self.client, &response);
        }
    }

    /// A policy of another team looks nonexistent.
    async fn read_other_team(&mut self) {
        let site = Shared::clone(&self.client.site);
        let Some(id) = site.board.offered(1 - self.team, Offered::Policy) else {
            return;
        };
        let request = Request::get("policy of another team", format!("{PATH}/{id}"));
        if let Some(response) = self.client.send(&request).await {
            self.client.expects(&response, &[404]);
        }
    }
}

fn expect_duplicate(client: &Client, response: &Response) {
    if client.expects(response, &[400]) {
        let duplicate = response.text("/error").as_deref() == Some("error-duplicated-sla");
        client.check(response, duplicate, "the wrong error");
    }
}
