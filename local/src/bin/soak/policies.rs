//! A client of Rocket.Chat with policies of its own: no other caller uses their names or due times.

use crate::client::{Answer, Client, Request};
use crate::site::{Offered, Shared};
use fastrand::Rng;
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const PATH: &str = "/api/v1/livechat/sla";
/// A caller's own due times begin at a multiple of this.
const DUES: u64 = 50_000;
/// Few enough that lists stay one page.
const MAX_OWN: usize = 40;

pub struct Policies {
    client: Client,
    random: Rng,
    team: usize,
    /// What the names of its policies begin with.
    prefix: String,
    first_due: u64,
    made: u64,
    policies: Vec<Policy>,
    /// Names of policies that may exist: the request was given up.
    doubtful: BTreeSet<String>,
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

    /// Whether a row of an answer is this policy.
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
            first_due: number * DUES + 1,
            made: 0,
            policies: Vec::new(),
            doubtful: BTreeSet::new(),
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

    /// Compares everything, once nothing is broken any more.
    pub async fn check(&mut self) {
        self.list().await;
        for policy in self.policies.clone() {
            self.get_one(&policy).await;
        }
    }

    /// A policy with a name and a due time that were never used before.
    fn draft(&mut self) -> Policy {
        self.made += 1;
        Policy {
            id: String::new(),
            name: format!("{}{}", self.prefix, self.made),
            due: self.first_due + self.made,
        }
    }

    fn any(&mut self) -> Option<(usize, Policy)> {
        let place = self.random.choice(0..self.policies.len())?;
        Some((place, self.policies.get(place)?.clone()))
    }

    async fn create(&mut self) {
        if self.policies.len() >= MAX_OWN {
            return self.delete().await;
        }
        let mut policy = self.draft();
        let request = Request::new("policy create", Method::POST, PATH).json(&policy.body());
        let Some(answer) = self.client.ask(&request).await else {
            self.doubtful.insert(policy.name);
            return;
        };
        let found = if answer.status == 400 && answer.may_be_repeated() {
            // An earlier attempt was applied and has the name.
            is_duplicate(&self.client, &answer);
            self.find(&policy.name).await
        } else if self.client.expects(&answer, &[200]) {
            answer.text("/sla/_id")
        } else {
            None
        };
        let Some(id) = found else {
            self.doubtful.insert(policy.name);
            return;
        };
        policy.id = id;
        if answer.status == 200 {
            let same = policy.is(answer.at("/sla"));
            self.client
                .holds(&answer, same, "not the policy that was sent");
        }
        let site = Shared::clone(&self.client.site);
        site.board.offer(self.team, Offered::Policy, &policy.id);
        self.policies.push(policy);
    }

    async fn find(&mut self, name: &str) -> Option<String> {
        let request = Request::get("policy find", format!("{PATH}?text={name}"));
        let answer = self.client.ask(&request).await?;
        self.client.expects(&answer, &[200]);
        let rows = answer.at("/sla").as_array()?;
        let row = rows
            .iter()
            .find(|row| row.get("name") == Some(&json!(name)));
        self.client.holds(
            &answer,
            row.is_some(),
            "the name is taken, but no policy has it",
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
        if let Some(answer) = self.client.ask(&request).await
            && self.client.expects(&answer, &[200])
        {
            let same = policy.is(&answer.body);
            self.client
                .holds(&answer, same, "not the policy that was written");
        }
    }

    async fn replace(&mut self) {
        let Some((place, was)) = self.any() else {
            return;
        };
        let draft = self.draft();
        let mut policy = was.clone();
        // The name, the due time, both or neither.
        match self.random.u8(..4) {
            0 => policy.name = draft.name,
            1 => policy.due = draft.due,
            2 => (policy.name, policy.due) = (draft.name, draft.due),
            _ => {}
        }
        let path = format!("{PATH}/{}", policy.id);
        let request = Request::new("policy replace", Method::PUT, path).json(&policy.body());
        let Some(answer) = self.client.ask(&request).await else {
            self.policies.remove(place);
            self.doubtful.extend([was.name, policy.name]);
            return;
        };
        if self.client.expects(&answer, &[200]) {
            let same = policy.is(answer.at("/sla"));
            self.client
                .holds(&answer, same, "not the policy that was sent");
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
        let Some(answer) = self.client.ask(&request).await else {
            self.doubtful.insert(policy.name);
            return;
        };
        if answer.status == 400 && answer.may_be_repeated() {
            let gone =
                answer.text("/error") == Some(format!("SLA with id {} not found", policy.id));
            self.client.holds(&answer, gone, "the wrong error");
        } else {
            self.client.expects(&answer, &[200]);
        }
    }

    async fn list(&mut self) {
        let path = format!("{PATH}?text={}&count=100", self.prefix);
        let Some(answer) = self.client.ask(&Request::get("policy list", path)).await else {
            return;
        };
        if !self.client.expects(&answer, &[200]) {
            return;
        }
        let rows = answer.at("/sla").as_array().cloned().unwrap_or_default();
        let name = |row: &Value| row.get("name").and_then(Value::as_str).map(str::to_owned);
        for row in &rows {
            let own = self.policies.iter().any(|policy| policy.is(row));
            let doubtful = name(row).is_some_and(|name| self.doubtful.contains(&name));
            self.client
                .holds(&answer, own || doubtful, "an unexpected row");
        }
        let missing = self
            .policies
            .iter()
            .find(|policy| !rows.iter().any(|row| policy.is(row)));
        let whole = missing.is_none();
        self.client.holds(&answer, whole, "a policy is missing");
    }

    /// A name or a due time in use is refused.
    async fn collide(&mut self) {
        let Some((_, taken)) = self.any() else {
            return;
        };
        let mut policy = self.draft();
        if self.random.bool() {
            policy.name = taken.name;
        } else {
            policy.due = taken.due;
        }
        let request = Request::new("policy collide", Method::POST, PATH).json(&policy.body());
        if let Some(answer) = self.client.ask(&request).await {
            is_duplicate(&self.client, &answer);
        }
    }

    /// A policy of another team does not exist for this one.
    async fn read_other_team(&mut self) {
        let site = Shared::clone(&self.client.site);
        let Some(id) = site.board.offered(1 - self.team, Offered::Policy) else {
            return;
        };
        let request = Request::get("policy of another team", format!("{PATH}/{id}"));
        if let Some(answer) = self.client.ask(&request).await {
            self.client.expects(&answer, &[404]);
        }
    }
}

fn is_duplicate(client: &Client, answer: &Answer) {
    if client.expects(answer, &[400]) {
        let duplicate = answer.text("/error").as_deref() == Some("error-duplicated-sla");
        client.holds(answer, duplicate, "the wrong error");
    }
}
