//! Notices: what is reported about tickets, by endpoints and by the sweep, once and with its instant.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use local::stack::Stack;
use local::table;
use serde_json::{Value, json};
use shared::domain::principal::Plan;

use crate::actors::{Actor, POLICIES, Team};
use crate::receiver::{Answer, Receiver};
use crate::world;

crate::stories![
    what_is_late_at_the_creation_of_a_ticket_is_reported_at_once,
    a_late_event_withdraws_a_breach,
    a_policy_that_brings_a_breach_is_reported,
    the_feed_is_read_page_by_page_and_filtered,
    escalations_are_set_and_reported,
    so_many_marks_at_once_are_left_to_the_sweep,
    a_mark_is_reported_once_however_many_sweeps_there_are,
    marks_close_together_are_reported_by_one_run,
    an_hour_without_sweeps_loses_nothing,
    a_deleted_ticket_takes_its_notices_along,
    a_ticket_that_cannot_be_read_blocks_nobody,
];

/// How often a story looks for something that is about to happen.
const POLL: Duration = Duration::from_millis(100);

impl Team {
    pub fn notices(&self) -> String {
        format!("/api/v1/teams/{}/sla/notices", self.id)
    }

    fn own_settings(&self) -> String {
        format!("/api/v1/teams/{}/sla/settings", self.id)
    }

    fn own_tickets(&self) -> String {
        format!("/api/v1/teams/{}/sla/tickets", self.id)
    }
}

/// A team with a rule for urgent tickets: half an hour to the first response, an hour to the
/// resolution.
pub async fn team_with_rule(stack: &'static Stack) -> (Team, Actor, String) {
    let team = Team::on(stack, Plan::Premium).await;
    let caller = team.secret_key().await;
    let rule = json!({"name": "Urgent", "priority": "urgent", "responseTarget": 30, "resolutionTarget": 60});
    let rule = caller.post(&team.rules(), &rule).await.id();
    (team, caller, rule)
}

/// Creates an urgent ticket. Returns its path.
pub async fn ticket(team: &Team, caller: &Actor, more: Value) -> String {
    let mut body = json!({"priority": "urgent"});
    let members = body.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    let created = caller.post(&team.own_tickets(), &body).await;
    assert_eq!(created.status, 201, "{}", created.body);
    format!("{}/{}", team.own_tickets(), created.id())
}

/// The feed of a team, at most a hundred notices.
pub async fn feed(team: &Team, caller: &Actor) -> Vec<Value> {
    let list = caller.get(&format!("{}?limit=100", team.notices())).await;
    list.json()["data"].as_array().unwrap().clone()
}

/// The type, the metric, the cycle and the instant of each notice.
fn told(feed: &[Value]) -> Vec<[String; 4]> {
    let told = feed.iter().map(|notice| {
        let data = &notice["data"];
        [
            &notice["type"],
            &data["metric"],
            &data["cycle"],
            &data["at"],
        ]
        .map(|value| value.as_str().map_or(value.to_string(), str::to_owned))
    });
    told.collect()
}

pub async fn run(stack: &Stack, function: &str) {
    let ended = stack.invoke(function, json!({})).await;
    ended.unwrap_or_else(|error| panic!("{function}: {error:?}"));
}

async fn what_is_late_at_the_creation_of_a_ticket_is_reported_at_once() {
    let (team, caller, rule) = team_with_rule(world::stack()).await;
    let before = Timestamp::now();
    let body = json!({"id": "late", "createdAt": "2026-03-02T09:00:00Z", "reference": "A-1"});
    ticket(&team, &caller, body).await;
    let feed = feed(&team, &caller).await;
    let expected = [
        ("firstResponse", 30, "2026-03-02T09:30:00Z", 1_800),
        ("resolution", 60, "2026-03-02T10:00:00Z", 3_600),
    ];
    assert_eq!(feed.len(), expected.len(), "{feed:?}");
    for (notice, (metric, minutes, at, seconds)) in feed.iter().zip(expected) {
        let made: Timestamp = notice["timestamp"].as_str().unwrap().parse().unwrap();
        assert!(before <= made && made <= Timestamp::now());
        assert!(notice["id"].as_str().unwrap().starts_with("ntc_"));
        let whole = json!({
            "id": notice["id"],
            "type": "sla.breached",
            "timestamp": notice["timestamp"],
            "data": {
                "teamId": team.id.as_str(),
                "ticketId": "late",
                "reference": "A-1",
                "metric": metric,
                "cycle": 1,
                "at": at,
                "priority": "urgent",
                "ruleId": rule,
                "targetMinutes": minutes,
                "dueAt": at,
                "elapsedSeconds": seconds,
            },
        });
        assert_eq!(*notice, whole);
    }
}

async fn a_late_event_withdraws_a_breach() {
    let (team, caller, _) = team_with_rule(world::stack()).await;
    let body = json!({"createdAt": "2026-03-02T09:00:00Z"});
    let path = ticket(&team, &caller, body).await;
    let reply = json!({"type": "agent_reply", "at": "2026-03-02T09:10:00Z"});
    let reply = caller.post(&format!("{path}/events"), &reply).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    let feed = feed(&team, &caller).await;
    let all = told(&feed);
    assert_eq!(all.len(), 3, "{all:?}");
    let withdrawn = [
        "sla.withdrawn",
        "firstResponse",
        "1",
        "2026-03-02T09:30:00Z",
    ];
    assert_eq!(all[2], withdrawn.map(str::to_owned));
    let data = &feed[2]["data"];
    let rest = [
        &data["targetMinutes"],
        &data["dueAt"],
        &data["elapsedSeconds"],
    ];
    assert_eq!(json!(rest), json!([30, "2026-03-02T09:30:00Z", 600]));
}

async fn a_policy_that_brings_a_breach_is_reported() {
    let team = Team::new().await;
    let (caller, manager) = (team.secret_key().await, team.livechat_manager().await);
    let body = json!({"id": "room", "createdAt": "2026-03-02T09:00:00Z"});
    ticket(&team, &caller, body).await;
    let set_sla = async |policy: &str| {
        let set = json!({"roomId": "room", "sla": policy});
        let set = manager.put("/api/v1/livechat/inquiry.setSLA", &set).await;
        set.assert_is(200, r#"{"success":true}"#);
    };
    let patient = json!({"name": "Patient", "description": "", "dueTimeInMinutes": 9_999_999});
    manager.post(POLICIES, &patient).await.id();
    set_sla("Patient").await;
    assert_eq!(feed(&team, &caller).await.len(), 0);
    let policy = json!({"name": "Gold", "description": "", "dueTimeInMinutes": 5});
    let policy = manager.post(POLICIES, &policy).await.id();
    let before = Timestamp::now();
    set_sla("Gold").await;
    let feed = feed(&team, &caller).await;
    assert_eq!(feed.len(), 1, "{feed:?}");
    let data = &feed[0]["data"];
    assert_eq!(data["policyId"], policy);
    assert_eq!(data["ruleId"], Value::Null);
    let at: Timestamp = data["at"].as_str().unwrap().parse().unwrap();
    assert!(
        before <= at,
        "a breach that a plan brings is dated at the change"
    );
}

async fn the_feed_is_read_page_by_page_and_filtered() {
    let (team, caller, _) = team_with_rule(world::stack()).await;
    for id in ["one", "two", "three"] {
        let body = json!({"id": id, "createdAt": "2026-03-02T09:00:00Z"});
        ticket(&team, &caller, body).await;
    }
    let all = feed(&team, &caller).await;
    assert_eq!(all.len(), 6);
    let ids: BTreeSet<&str> = all
        .iter()
        .map(|notice| notice["id"].as_str().unwrap())
        .collect();
    assert!(
        ids.iter()
            .copied()
            .eq(all.iter().map(|notice| notice["id"].as_str().unwrap()))
    );
    let mut pages = Vec::new();
    let mut after = String::new();
    loop {
        let page = caller
            .get(&format!("{}?limit=4{after}", team.notices()))
            .await;
        let page = page.json();
        pages.extend(page["data"].as_array().unwrap().clone());
        let Some(next) = page["nextCursor"].as_str() else {
            break;
        };
        after = format!("&after={next}");
    }
    assert_eq!(pages, all);
    let of = async |query: &str| {
        let list = caller.get(&format!("{}?{query}", team.notices())).await;
        list.json()["data"].as_array().map(Vec::len)
    };
    assert_eq!(of("ticketId=two").await, Some(2));
    assert_eq!(of("ticketId=two&type=sla.breached").await, Some(2));
    assert_eq!(of("type=sla.warning").await, Some(0));
    assert_eq!(
        of(&format!("after={}", all[5]["id"].as_str().unwrap())).await,
        Some(0)
    );
    let other = Team::new().await;
    assert_eq!(
        feed(&other, &other.secret_key().await).await,
        Vec::<Value>::new()
    );
    let test = feed(&team, &team.test_key().await).await;
    assert_eq!(test, Vec::<Value>::new(), "test data is apart");
    for (query, param, requirement) in [
        ("after=x", "after", "must be the id of a notice"),
        (
            "type=breach",
            "type",
            "must be one of sla.warning, sla.breached, sla.escalated, sla.withdrawn",
        ),
        ("limit=101", "limit", "must be an integer from 1 to 100"),
    ] {
        let refused = caller.get(&format!("{}?{query}", team.notices())).await;
        let message = format!("The '{param}' field {requirement}.");
        refused.assert_violation(param, "parameter_invalid", &message);
    }
}

async fn escalations_are_set_and_reported() {
    let (team, caller, _) = team_with_rule(world::stack()).await;
    let escalations = json!([
        {"metric": "resolution", "afterBreachMinutes": 30},
        {"metric": "resolution", "afterBreachMinutes": 525_600},
    ]);
    let path = team.own_settings();
    let set = json!({"escalations": escalations});
    let changed = caller.patch(&path, &set).await;
    assert_eq!(changed.json()["data"]["escalations"], escalations);
    assert_eq!(
        caller.get(&path).await.json()["data"]["escalations"],
        escalations
    );
    let created = ticket(&team, &caller, json!({"createdAt": "2026-03-02T09:00:00Z"})).await;
    let shown = caller.get(&created).await.json();
    assert_eq!(shown["data"]["plan"]["escalations"], escalations);
    let feed = feed(&team, &caller).await;
    let all = told(&feed);
    let escalated = ["sla.escalated", "resolution", "1", "2026-03-02T10:30:00Z"];
    assert_eq!(all[2..], [escalated.map(str::to_owned)]);
    assert_eq!(feed[2]["data"]["elapsedSeconds"], 5_400);
    let one = json!({"metric": "resolution", "afterBreachMinutes": 1});
    for (escalations, param, requirement) in [
        (
            json!("x"),
            "escalations",
            "must be a list of at most 5 objects with 'metric' and 'afterBreachMinutes'",
        ),
        (
            json!([one, one]),
            "escalations[1]",
            "must not repeat an entry before it",
        ),
        (
            json!([{"metric": "x", "afterBreachMinutes": 1}]),
            "escalations[0].metric",
            "must be one of firstResponse, nextResponse, resolution",
        ),
        (
            json!([{"metric": "resolution", "afterBreachMinutes": 0}]),
            "escalations[0].afterBreachMinutes",
            "must be an integer from 1 to 525600",
        ),
    ] {
        let refused = caller
            .patch(&path, &json!({"escalations": escalations}))
            .await;
        let message = format!("The '{param}' field {requirement}.");
        refused.assert_violation(param, "parameter_invalid", &message);
    }
    let missing = json!({"escalations": [{"metric": "resolution"}]});
    let refused = caller.patch(&path, &missing).await;
    let param = "escalations[0].afterBreachMinutes";
    refused.assert_violation(
        param,
        "parameter_missing",
        &format!("The '{param}' field is required."),
    );
}

async fn so_many_marks_at_once_are_left_to_the_sweep() {
    let (stack, _turn) = world::sweeping_stack().await;
    let team = Team::on(stack, Plan::Premium).await;
    let caller = team.secret_key().await;
    let rule = json!({"name": "R", "priority": "urgent", "responseTarget": 1, "resolutionTarget": 60,
        "nextResponseTarget": 1});
    caller.post(&team.rules(), &rule).await;
    // Fifty cycles of the next response, each of them a breach: with ten webhooks a transaction holds
    // the notices of eight, beside the ticket, its facts and what they change.
    let url = Receiver::start(Answer::Status(200)).await.url;
    for _ in 0..10 {
        let webhook = json!({"url": url, "types": ["sla.withdrawn"]});
        let webhook = caller
            .post(&format!("/api/v1/teams/{}/sla/webhooks", team.id), &webhook)
            .await;
        assert_eq!(webhook.status, 201, "{}", webhook.body);
    }
    let start: Timestamp = "2026-03-02T09:00:00Z".parse().unwrap();
    let mut events = vec![json!({"type": "agent_reply", "at": start})];
    for cycle in 0..49 {
        let asked = start + SignedDuration::from_mins(10 * cycle + 1);
        events.push(json!({"type": "customer_reply", "at": asked}));
        events.push(json!({"type": "agent_reply", "at": asked + SignedDuration::from_mins(5)}));
    }
    let body = json!({"createdAt": start, "events": events});
    ticket(&team, &caller, body).await;
    assert_eq!(feed(&team, &caller).await.len(), 8);
    run(stack, "BreachSweep").await;
    let feed = feed(&team, &caller).await;
    // Those of the next response, and that of the resolution.
    assert_eq!(feed.len(), 50);
    assert_eq!(told(&feed).into_iter().collect::<BTreeSet<_>>().len(), 50);
}

/// Creates a ticket whose first response is in breach in about a second. Returns that instant.
pub async fn ticket_soon_in_breach(team: &Team, caller: &Actor) -> Timestamp {
    let now = Timestamp::now();
    let created = now - SignedDuration::from_millis(30 * 60_000 - 1_000);
    ticket(team, caller, json!({"createdAt": created})).await;
    created + SignedDuration::from_mins(30)
}

/// Runs so many sweeps at a time until the feed has the breach of an instant.
pub async fn breach(
    stack: &'static Stack,
    (team, caller): (&Team, &Actor),
    sweeps: usize,
    at: Timestamp,
) -> Vec<Value> {
    for _ in 0..200 {
        join_all((0..sweeps).map(|_| run(stack, "BreachSweep"))).await;
        let feed = feed(team, caller).await;
        let is_it = |notice: &Value| {
            notice["type"] == "sla.breached" && notice["data"]["at"] == at.to_string()
        };
        if feed.iter().any(is_it) {
            return feed;
        }
        tokio::time::sleep(POLL).await;
    }
    panic!("no breach is reported");
}

async fn a_mark_is_reported_once_however_many_sweeps_there_are() {
    let (stack, _turn) = world::sweeping_stack().await;
    let (team, caller, _) = team_with_rule(stack).await;
    let at = ticket_soon_in_breach(&team, &caller).await;
    breach(stack, (&team, &caller), 4, at).await;
    join_all((0..4).map(|_| run(stack, "BreachSweep"))).await;
    let feed = feed(&team, &caller).await;
    let warning = told(&feed)[0].clone();
    assert_eq!(
        warning[..2],
        ["sla.warning", "firstResponse"].map(str::to_owned)
    );
    let breach = ["sla.breached", "firstResponse", "1"].map(str::to_owned);
    assert_eq!(told(&feed)[1][..3], breach);
    assert_eq!(feed[1]["data"]["at"], at.to_string());
    assert_eq!(feed.len(), 2, "{feed:?}");
}

async fn marks_close_together_are_reported_by_one_run() {
    let (stack, _turn) = world::exclusive_stack().await;
    let (team, caller, _) = team_with_rule(stack).await;
    let settings = json!({"warnAtPercent": 99});
    caller.patch(&team.own_settings(), &settings).await;
    let rule = json!({"name": "R", "priority": "low", "responseTarget": 1, "resolutionTarget": 60});
    caller.post(&team.rules(), &rule).await;
    // The warning comes in a second, and the breach 0.6 seconds after it.
    let created = Timestamp::now() - SignedDuration::from_millis(58_400);
    ticket(
        &team,
        &caller,
        json!({"createdAt": created, "priority": "low"}),
    )
    .await;
    run(stack, "BreachSweep").await;
    let feed = feed(&team, &caller).await;
    let types: Vec<_> = feed.iter().map(|notice| notice["type"].clone()).collect();
    assert_eq!(json!(types), json!(["sla.warning", "sla.breached"]));
    for notice in &feed {
        let instant = |value: &Value| value.as_str().unwrap().parse::<Timestamp>().unwrap();
        let late = instant(&notice["data"]["at"]).duration_until(instant(&notice["timestamp"]));
        assert!(late < SignedDuration::from_secs(5), "{notice}");
    }
}

async fn an_hour_without_sweeps_loses_nothing() {
    let (stack, _turn) = world::sweeping_stack().await;
    let (team, caller, _) = team_with_rule(stack).await;
    let late = json!({"id": "late", "createdAt": "2026-03-02T09:00:00Z"});
    let late = ticket(&team, &caller, late).await;
    // Its copy under another id, as it was before anything was reported of it.
    let mut item = item_of(stack, &pk_of(&team, &late)).await;
    let mut history = STANDARD
        .decode(item["history"]["B"].as_str().unwrap())
        .unwrap();
    history[0] = 0;
    for (name, kind, value) in [
        ("pk", "S", pk_of(&team, "unseen")),
        ("id", "S", "unseen".to_owned()),
        ("history", "B", STANDARD.encode(history)),
        (
            "queueSk",
            "S",
            "2026-03-02T09:30:00.000000000Z#unseen".to_owned(),
        ),
        ("duePk", "S", "DUE#TICKET#5".to_owned()),
        (
            "dueSk",
            "S",
            "2026-03-02T09:24:00.000000000Z#unseen".to_owned(),
        ),
    ] {
        item.insert(name.to_owned(), json!({ kind: value }));
    }
    table::put(stack.dynamodb(), item).await.unwrap();
    run(stack, "BreachSweep").await;
    let list = caller
        .get(&format!("{}?ticketId=unseen", team.notices()))
        .await
        .json();
    let notices = list["data"].as_array().unwrap();
    let instants: Vec<_> = notices.iter().map(|notice| &notice["data"]["at"]).collect();
    assert_eq!(
        json!(instants),
        json!(["2026-03-02T09:30:00Z", "2026-03-02T10:00:00Z"])
    );
}

/// The item of a ticket.
async fn item_of(stack: &Stack, pk: &str) -> table::Item {
    let items = table::items(stack.dynamodb()).await.unwrap();
    let mut items = items.into_iter();
    items
        .find(|item| item["pk"]["S"] == pk)
        .expect("the ticket")
}

fn pk_of(team: &Team, path: &str) -> String {
    let id = path.rsplit('/').next().unwrap();
    format!("TICKET#{}#live#{id}", team.id)
}

async fn a_deleted_ticket_takes_its_notices_along() {
    let (team, caller, _) = team_with_rule(world::stack()).await;
    let body = json!({"id": "to-be-forgotten", "createdAt": "2026-03-02T09:00:00Z"});
    let path = ticket(&team, &caller, body).await;
    assert_eq!(feed(&team, &caller).await.len(), 2);
    assert_eq!(caller.delete(&path).await.status, 200);
    assert_eq!(feed(&team, &caller).await, Vec::<Value>::new());
}

async fn a_ticket_that_cannot_be_read_blocks_nobody() {
    let (stack, _turn) = world::sweeping_stack().await;
    let (team, caller, _) = team_with_rule(stack).await;
    let broken = ticket(&team, &caller, json!({})).await;
    let pk = pk_of(&team, &broken);
    let mut item = item_of(stack, &pk).await;
    item.insert("history".to_owned(), json!({"B": "AAAA"}));
    let due = item["dueSk"]["S"]
        .as_str()
        .unwrap()
        .split_once('#')
        .unwrap()
        .1
        .to_owned();
    let past = format!("2026-03-02T09:24:00.000000000Z#{due}");
    item.insert("dueSk".to_owned(), json!({"S": past}));
    table::put(stack.dynamodb(), item).await.unwrap();
    let at = ticket_soon_in_breach(&team, &caller).await;
    breach(stack, (&team, &caller), 1, at).await;
    let item = item_of(stack, &pk).await;
    let later = item["dueSk"]["S"]
        .as_str()
        .unwrap()
        .split_once('#')
        .unwrap()
        .0
        .to_owned();
    let later: Timestamp = later.parse().unwrap();
    let ahead = Timestamp::now().duration_until(later);
    assert!(
        ahead > SignedDuration::from_mins(4),
        "it is left alone: {later}"
    );
    // Nobody else is to meet it.
    let mut item = item_of(stack, &pk).await;
    for name in ["duePk", "dueSk", "queuePk", "queueSk"] {
        item.shift_remove(name);
    }
    table::put(stack.dynamodb(), item).await.unwrap();
}
