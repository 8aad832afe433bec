//! A service that everything goes wrong for: several sweeps and deliveries run at once while the
//! table's answers are lost, functions are killed and receivers fail. In the end each mark has one
//! notice, each notice has reached every webhook that wants it, and reports are sums of the tickets.
//!
//! `DUELINE_SEED` is the seed of every random choice, though not of the order of concurrent calls. A
//! failure prints it.

mod chaos;
mod facts;
mod plan;
mod receiver;

use std::collections::BTreeMap;
use std::env;
use std::fmt::Debug;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use futures_util::future::join_all;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jiff::{SignedDuration, Timestamp};
use local::invariants;
use local::stack::Stack;
use local::table::{self, Item, text};
use serde_json::{Value, json};
use shared::domain::principal::Plan;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::actors::{Actor, Team};
use crate::{log, world};
use chaos::Chaos;
use plan::{ESCALATIONS, FIRST_RESPONSE, Mark, NEXT_RESPONSE, RESOLUTION, Ticket};
use receiver::Receiver;

crate::stories![every_mark_has_one_notice_which_reaches_every_webhook];

const SWEEP: &str = "BreachSweep";
const DELIVER: &str = "WebhookDeliver";
const SUMMARISE: &str = "SummaryUpdate";
/// Processes per function.
const CONCURRENCY: usize = 3;
/// A run waits in process for what is due so soon.
const LOOK_AHEAD_SECONDS: u32 = 5;

const TICKETS: usize = 600;
const CALLERS: usize = 6;
const MIN_MARKS: usize = 2_000;
/// Marks that come true in the storm, and the time from such a mark to its notice at most. The others
/// are older when their tickets are created.
const MIN_NEW: usize = 800;
const MAX_AGE: SignedDuration = SignedDuration::from_mins(3);

/// How often a client repeats a request that fails.
const MAX_TRIES: usize = 60;
/// How often deliveries that wait for their next attempt are moved to the present, at the end.
const MAX_ROUNDS: usize = 6;

/// The webhooks: the place of the team, and the types that are sent.
const WEBHOOKS: [(usize, &[&str]); 4] = [
    (0, &[]),
    (0, &["sla.escalated"]),
    (1, &[]),
    (1, &["sla.warning", "sla.withdrawn"]),
];

async fn every_mark_has_one_notice_which_reaches_every_webhook() {
    let seed = env::var("DUELINE_SEED").ok();
    let seed = seed
        .and_then(|text| text.parse().ok())
        .unwrap_or(20_261_123);
    let _replay = Replay(seed);
    let mut random = Rng::with_seed(seed);
    let site = Arc::new(Site::start(&mut random).await);

    let expected = site.storm(&mut random).await;
    assert!(expected.len() >= MIN_MARKS, "{} marks", expected.len());
    let items = site.settle().await;

    let notices = site.notices(&items);
    let told = notices.iter().map(|notice| notice.mark.clone());
    assert_same(told.collect(), expected);
    site.assert_feeds_are(&notices).await;
    site.assert_delivered(&notices, &items);
    let new = notices.iter().filter(|notice| notice.is_new).count();
    assert!(new >= MIN_NEW, "{new} new marks");
    site.assert_facts_add_up().await;
    let violations = invariants::violations(&items, None);
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

/// Prints the seed of a failure.
struct Replay(u64);

impl Drop for Replay {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("DUELINE_SEED={} replays this", self.0);
        }
    }
}

/// A service, its clients and their receiver.
struct Site {
    stack: &'static Stack,
    teams: Vec<(Team, Actor)>,
    http: Client<HttpConnector, Full<Bytes>>,
    receiver: Receiver,
}

/// A notice, as the table has it.
struct Notice {
    mark: Mark,
    id: String,
    body: String,
    /// Whether its mark came true in the storm.
    is_new: bool,
}

impl Site {
    async fn start(random: &mut Rng) -> Site {
        let stack =
            world::start_with(CONCURRENCY, "NOTICE_LOOK_AHEAD_SECONDS", LOOK_AHEAD_SECONDS).await;
        let receiver = Receiver::start(random.fork()).await;
        let mut teams = Vec::new();
        for _ in 0..2 {
            let team = Team::on(stack, Plan::Premium).await;
            let caller = team.secret_key().await;
            let rule = json!({"name": "Urgent", "priority": "urgent", "responseTarget": FIRST_RESPONSE,
                "nextResponseTarget": NEXT_RESPONSE, "resolutionTarget": RESOLUTION});
            caller.post(&team.rules(), &rule).await.id();
            teams.push((team, caller));
        }
        let (team, caller) = &teams[0];
        let escalations = ESCALATIONS
            .map(|minutes| json!({"metric": "firstResponse", "afterBreachMinutes": minutes}));
        let settings = json!({"escalations": escalations});
        let settings = caller.patch(&path(team, "settings"), &settings).await;
        assert_eq!(settings.status, 200, "{}", settings.body);
        for (place, (team, types)) in WEBHOOKS.into_iter().enumerate() {
            let (team, caller) = &teams[team];
            let webhook = json!({"url": receiver.url(place), "types": types});
            let webhook = caller.post(&path(team, "webhooks"), &webhook).await.json();
            let secret = webhook["data"]["secret"].as_str().expect("a secret");
            log::record_secret(secret);
            receiver.add_secret(secret.to_owned());
        }
        Site {
            stack,
            teams,
            http: Client::builder(TokioExecutor::new()).build_http(),
            receiver,
        }
    }

    /// Creates tickets while everything goes wrong, until their marks have passed. Returns everything
    /// that is to be told about them.
    async fn storm(self: &Arc<Site>, random: &mut Rng) -> Vec<Mark> {
        let chaos = Chaos::begin(self.stack, random);
        let mut callers = JoinSet::new();
        for caller in 0..CALLERS {
            callers.spawn(Arc::clone(self).create(caller, random.fork()));
        }
        let mut expected = Vec::new();
        while let Some(marks) = callers.join_next().await {
            expected.extend(marks.expect("a caller"));
        }
        let last = expected.iter().map(|mark| mark.at).max();
        sleep_until(last.expect("marks")).await;
        let deeds = chaos.end().await;
        self.receiver.calm_down();
        let failures = self.receiver.failures();
        assert!(
            failures > 100,
            "{failures} failures of the receiver, {deeds:?}"
        );
        expected
    }

    /// Creates a caller's share of the tickets. Returns everything that is to be told about them.
    async fn create(self: Arc<Site>, caller: usize, mut random: Rng) -> Vec<Mark> {
        let mut expected = Vec::new();
        let mut corrections = JoinSet::new();
        for number in (caller..TICKETS).step_by(CALLERS) {
            let ticket = Ticket::draw(format!("T-{number}"), &mut random);
            let tickets = path(&self.teams[ticket.team].0, "tickets");
            let created = self.insist(&tickets, ticket.team, &ticket.body()).await;
            let recorded_at = instant(&created["data"]["updatedAt"]);
            expected.extend(ticket.marks(recorded_at));
            if let Some((at, late_event)) = ticket.correction() {
                let (site, team) = (Arc::clone(&self), ticket.team);
                let events = format!("{tickets}/{}/events", ticket.id);
                corrections.spawn(async move {
                    sleep_until(at).await;
                    site.insist(&events, team, &late_event).await;
                });
            }
        }
        corrections.join_all().await;
        expected
    }

    /// Sends a request until it succeeds.
    async fn insist(&self, path: &str, team: usize, body: &Value) -> Value {
        let mut last = String::new();
        for _ in 0..MAX_TRIES {
            let mut request = Request::post(format!("{}{path}", self.stack.url()))
                .header("content-type", "application/json");
            for (name, value) in &self.teams[team].1.headers {
                request = request.header(*name, value);
            }
            let request = request
                .body(Full::from(body.to_string()))
                .expect("a request");
            let answer = self.http.request(request).await.expect("an answer");
            let status = answer.status().as_u16();
            let answer = answer.into_body().collect().await.expect("a whole answer");
            last = String::from_utf8_lossy(&answer.to_bytes()).into_owned();
            match status {
                200 | 201 => return serde_json::from_str(&last).expect("JSON"),
                // Another write came first, or too much went wrong.
                409 | 500.. => sleep(Duration::from_millis(fastrand::u64(20..120))).await,
                _ => panic!("{path}: {status} {last}"),
            }
        }
        panic!("{path}: {MAX_TRIES} tries, at last {last}");
    }

    /// Runs sweeps and deliveries until nothing is due, and brings every later attempt to the present.
    /// Returns the whole table.
    async fn settle(&self) -> Vec<Item> {
        for _ in 0..MAX_ROUNDS {
            let runs = [SWEEP, DELIVER, SWEEP, DELIVER];
            for ended in join_all(runs.map(|function| self.stack.invoke(function, json!({})))).await
            {
                ended.expect("a run without faults");
            }
            let now = Timestamp::now();
            let items = table::items(self.stack.dynamodb())
                .await
                .expect("the items");
            let is_waiting = |item: &&Item| match text(item, "duePk") {
                Some(pk) if pk.starts_with("DUE#TICKET#") => due_at(item) < now,
                due => due.is_some(),
            };
            let waiting: Vec<Item> = items.iter().filter(is_waiting).cloned().collect();
            if waiting.is_empty() {
                return items;
            }
            let deliveries = waiting
                .into_iter()
                .filter(|item| item.contains_key("nextAttemptAt"));
            for delivery in deliveries {
                let put = table::put(self.stack.dynamodb(), due_now(delivery, now)).await;
                put.expect("a delivery that is due");
            }
        }
        panic!("something is due after {MAX_ROUNDS} rounds");
    }

    fn notices(&self, items: &[Item]) -> Vec<Notice> {
        let is_notice = |item: &&Item| text(item, "pk").is_some_and(|pk| pk.starts_with("NOTICE#"));
        let notices = items.iter().filter(is_notice).map(|item| {
            let body = text(item, "body").expect("a body").to_owned();
            let notice: Value = serde_json::from_str(&body).expect("JSON");
            let word = |value: &Value| value.as_str().expect("a text").to_owned();
            let data = &notice["data"];
            let mut teams = self.teams.iter();
            let team = teams.position(|(team, _)| data["teamId"] == team.id.as_str());
            let (at, made_at) = (instant(&data["at"]), instant(&notice["timestamp"]));
            Notice {
                id: word(&notice["id"]),
                is_new: made_at.duration_since(at) < MAX_AGE,
                mark: Mark {
                    team: team.expect("a team"),
                    ticket: word(&data["ticketId"]),
                    metric: word(&data["metric"]),
                    cycle: data["cycle"].as_u64().expect("a number"),
                    kind: word(&notice["type"]),
                    at,
                },
                body,
            }
        });
        notices.collect()
    }

    /// Asserts that the teams' feeds, read page by page, have exactly these notices, in order.
    async fn assert_feeds_are(&self, notices: &[Notice]) {
        for (place, (team, caller)) in self.teams.iter().enumerate() {
            let of_team = notices.iter().filter(|notice| notice.mark.team == place);
            let wanted: BTreeMap<_, _> =
                of_team.map(|notice| (&*notice.id, &*notice.body)).collect();
            let (mut found, mut after) = (Vec::new(), String::new());
            loop {
                let query = format!("notices?limit=100{after}");
                let page = caller.get(&path(team, &query)).await;
                assert_eq!(page.status, 200, "{}", page.body);
                let page = page.json();
                found.extend(page["data"].as_array().expect("notices").iter().cloned());
                match page["nextCursor"].as_str() {
                    Some(next) => after = format!("&after={next}"),
                    None => break,
                }
            }
            let found: Vec<String> = found.iter().map(Value::to_string).collect();
            let wanted: Vec<&str> = wanted.into_values().collect();
            assert_eq!(found, wanted, "the feed of team {place}");
        }
    }

    /// Asserts that each notice has reached every webhook that wants it, and no other, and that its
    /// deliveries say so.
    fn assert_delivered(&self, notices: &[Notice], items: &[Item]) {
        let wrong = self.receiver.wrong();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        let mut wanted = Vec::new();
        for (place, (team, types)) in WEBHOOKS.into_iter().enumerate() {
            for Notice { mark, id, body, .. } in notices {
                let is_wanted = types.is_empty() || types.contains(&mark.kind.as_str());
                if mark.team == team && is_wanted {
                    wanted.push(((place, id.clone()), body.clone()));
                }
            }
        }
        let number = wanted.len();
        assert_same(self.receiver.accepted().into_iter().collect(), wanted);
        let is_delivery =
            |item: &&Item| text(item, "pk").is_some_and(|pk| pk.starts_with("DELIVERY#"));
        let deliveries: Vec<&Item> = items.iter().filter(is_delivery).collect();
        assert_eq!(deliveries.len(), number);
        for delivery in deliveries {
            assert_eq!(text(delivery, "status"), Some("delivered"), "{delivery:?}");
        }
    }
}

/// Asserts that there is one of each, and nothing else.
#[track_caller]
fn assert_same<T: Debug + Ord>(found: Vec<T>, expected: Vec<T>) {
    let mut surplus: BTreeMap<T, i32> = BTreeMap::new();
    for one in found {
        *surplus.entry(one).or_default() += 1;
    }
    for one in expected {
        *surplus.entry(one).or_default() -= 1;
    }
    surplus.retain(|_, number| *number != 0);
    let some: Vec<_> = surplus.iter().take(20).collect();
    assert!(
        some.is_empty(),
        "{} are missing (-) or too many: {some:#?}",
        surplus.len()
    );
}

/// When an item is due.
fn due_at(item: &Item) -> Timestamp {
    let due = text(item, "dueSk").and_then(|due| due.split_once('#'));
    due.expect("an instant").0.parse().expect("an instant")
}

/// A delivery whose next attempt is due now.
fn due_now(mut delivery: Item, now: Timestamp) -> Item {
    let pk = text(&delivery, "pk").expect("a key").to_owned();
    let due = format!("{}#{pk}", now.strftime("%Y-%m-%dT%H:%M:%S.%9fZ"));
    delivery.insert("dueSk".to_owned(), json!({"S": due}));
    delivery.insert("nextAttemptAt".to_owned(), json!({"S": now}));
    delivery
}

fn path(team: &Team, what: &str) -> String {
    format!("/api/v1/teams/{}/sla/{what}", team.id)
}

fn instant(value: &Value) -> Timestamp {
    let text = value.as_str().expect("an instant");
    text.parse().expect("an instant")
}

async fn sleep_until(at: Timestamp) {
    let pause = Timestamp::now().duration_until(at);
    sleep(pause.try_into().unwrap_or_default()).await;
}
