//! The model's calendars, and the previews that use them.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::{CLIENTS, Model, Precondition, Rule, expect, expect_response, precondition};

const HOURS: &str = r#"{"monday":[["09:00","17:00"]]}"#;

#[derive(Clone, Debug)]
pub enum Step {
    Create {
        client: usize,
        zone: &'static str,
        default: bool,
    },
    Change {
        client: usize,
        nth: usize,
        zone: Option<&'static str>,
        default: Option<bool>,
        precondition: Precondition,
    },
    Delete {
        client: usize,
        nth: usize,
        precondition: Precondition,
    },
    List {
        client: usize,
    },
    Preview {
        client: usize,
        priority: &'static str,
    },
}

#[derive(Clone)]
pub struct Calendar {
    pub id: String,
    pub zone: &'static str,
    default: bool,
    version: u64,
    /// The version that introduced its hours and its zone.
    pub schedule_version: u64,
}

pub fn step() -> impl Strategy<Value = Step> {
    let (client, nth) = (|| 0..CLIENTS, || 0..3_usize);
    let zone = || select(vec!["UTC", "Europe/Berlin", "Mars/Olympus"]);
    prop_oneof![
        3 => (client(), zone(), any::<bool>())
            .prop_map(|(client, zone, default)| Step::Create { client, zone, default }),
        3 => (client(), nth(), option::of(zone()), option::of(any::<bool>()), precondition())
            .prop_map(|(client, nth, zone, default, precondition)| Step::Change { client, nth, zone, default, precondition }),
        2 => (client(), nth(), precondition()).prop_map(|(client, nth, precondition)| Step::Delete { client, nth, precondition }),
        1 => client().prop_map(|client| Step::List { client }),
        3 => (client(), select(vec!["low", "urgent"])).prop_map(|(client, priority)| Step::Preview { client, priority }),
    ]
}

impl Calendar {
    fn json(&self) -> Value {
        let hours: Value = serde_json::from_str(HOURS).expect("JSON");
        json!({"id": self.id, "name": "c", "timeZone": self.zone, "hours": hours, "holidays": [], "exceptions": {}, "default": self.default})
    }

    fn list_json(&self) -> Value {
        let hours: Value = serde_json::from_str(HOURS).expect("JSON");
        json!({"id": self.id, "name": "c", "timeZone": self.zone, "hours": hours, "holidayCount": 0, "exceptionCount": 0, "default": self.default})
    }
}

impl Model {
    /// The nth calendar's id; an unknown id if there are fewer.
    pub fn calendar_id(&self, client: usize, nth: usize) -> String {
        let none = || format!("cal_{}", "0".repeat(32));
        self.calendars[client]
            .get(nth)
            .map_or_else(none, |calendar| calendar.id.clone())
    }

    pub async fn calendar_step(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Create {
                client,
                zone,
                default,
            } => self.create_calendar(client, zone, default).await,
            Step::Change {
                client,
                nth,
                zone,
                default,
                precondition,
            } => {
                self.change_calendar(client, nth, zone, default, precondition)
                    .await
            }
            Step::Delete {
                client,
                nth,
                precondition,
            } => self.delete_calendar(client, nth, precondition).await,
            Step::List { client } => {
                let rows = self.calendars[client].iter().map(Calendar::list_json);
                let rows: Vec<Value> = rows.collect();
                let response = self.keys[client].0.get(&self.path_of(client)).await;
                expect_response(&response, 200, &json!({"success": true, "data": rows}))
            }
            Step::Preview { client, priority } => self.preview(client, priority).await,
        }
    }

    async fn create_calendar(
        &mut self,
        client: usize,
        zone: &'static str,
        default: bool,
    ) -> Result<(), String> {
        let hours: Value = serde_json::from_str(HOURS).expect("JSON");
        let body = json!({"name": "c", "timeZone": zone, "hours": hours, "default": default});
        let response = self.keys[client].0.post(&self.path_of(client), &body).await;
        if zone == "Mars/Olympus" {
            return expect(response.status == 400, "400");
        }
        let id = response.json()["data"]["id"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let calendar = Calendar {
            id,
            zone,
            default,
            version: 1,
            schedule_version: 1,
        };
        let json = json!({"success": true, "data": calendar.json()});
        self.demote(client, default);
        self.calendars[client].push(calendar);
        expect_response(&response, 201, &json)
    }

    async fn change_calendar(
        &mut self,
        client: usize,
        nth: usize,
        zone: Option<&'static str>,
        default: Option<bool>,
        precondition: Precondition,
    ) -> Result<(), String> {
        let path = format!("{}/{}", self.path_of(client), self.calendar_id(client, nth));
        let current = self.calendars[client].get(nth).cloned();
        let version = current.as_ref().map_or(1, |calendar| calendar.version);
        let mut body = json!({});
        if let Some(zone) = zone {
            body["timeZone"] = json!(zone);
        }
        if let Some(default) = default {
            body["default"] = json!(default);
        }
        let response = precondition
            .add_to(&self.keys[client].0, "if-match", version)
            .patch(&path, &body)
            .await;
        let Some(current) = current else {
            return expect(response.status == 404, "404");
        };
        if zone == Some("Mars/Olympus") {
            return expect(response.status == 400, "400");
        }
        if matches!(precondition, Precondition::Stale) {
            return expect(response.status == 412, "412");
        }
        let default = default.unwrap_or(current.default);
        self.demote(client, default && !current.default);
        let zone = zone.unwrap_or(current.zone);
        let updated = Calendar {
            zone,
            default,
            version: version + 1,
            schedule_version: if zone == current.zone {
                current.schedule_version
            } else {
                version + 1
            },
            ..current
        };
        let (json, tag) = (
            json!({"success": true, "data": updated.json()}),
            format!("\"{}\"", updated.version),
        );
        self.calendars[client][nth] = updated;
        expect_response(&response, 200, &json)?;
        expect(
            response.header("etag") == Some(&tag),
            "the tag is the version",
        )
    }

    async fn delete_calendar(
        &mut self,
        client: usize,
        nth: usize,
        precondition: Precondition,
    ) -> Result<(), String> {
        let id = self.calendar_id(client, nth);
        let version = self.calendars[client]
            .get(nth)
            .map_or(1, |calendar| calendar.version);
        let path = format!("{}/{id}", self.path_of(client));
        let response = precondition
            .add_to(&self.keys[client].0, "if-match", version)
            .delete(&path)
            .await;
        if nth >= self.calendars[client].len() {
            return expect(response.status == 404, "404");
        }
        if matches!(precondition, Precondition::Stale) {
            return expect(response.status == 412, "412");
        }
        let rules_using = self.rules[client]
            .iter()
            .filter(|rule| rule.members.get("calendarId") == Some(&json!(id)));
        let rules_using: Vec<&String> = rules_using.map(|rule| &rule.id).collect();
        if !rules_using.is_empty() {
            let reported = response.json()["error"]["rules"].clone();
            return expect(
                response.status == 409 && reported == json!(rules_using),
                "a 409 that lists the rules",
            );
        }
        self.calendars[client].remove(nth);
        expect_response(
            &response,
            200,
            &json!({"success": true, "data": {"id": id, "deleted": true}}),
        )
    }

    async fn preview(&self, client: usize, priority: &str) -> Result<(), String> {
        let path = self.keys[client].1.replace("/rules", "/preview");
        let body = json!({"createdAt": "2026-11-22T09:00:00Z", "priority": priority});
        let response = self.keys[client].0.post(&path, &body).await;
        let applies = |members: &serde_json::Map<String, Value>| {
            members["priority"] == priority && members["enabled"] == true
        };
        let rule = self.rules[client]
            .iter()
            .find(|rule| applies(&rule.members));
        let calendar = match self.counted_calendar(client, rule)? {
            (None, source) => json!({"timeZone": "UTC", "source": source}),
            (Some(found), source) => {
                json!({"id": found.id, "timeZone": found.zone, "source": source})
            }
        };
        let data = response.json()["data"].clone();
        expect(
            data["calendar"] == calendar,
            &format!("{data} instead of {calendar}"),
        )?;
        let Some(rule) = rule else {
            return expect(
                data.get("ruleId").is_none() && data.get("resolution").is_none(),
                "no targets",
            );
        };
        let targets = (
            &data["firstResponse"]["targetMinutes"],
            &data["resolution"]["targetMinutes"],
        );
        let expected = (
            &rule.members["responseTarget"],
            &rule.members["resolutionTarget"],
        );
        expect(
            data["ruleId"] == rule.id.as_str() && targets == expected,
            "the rule's targets",
        )
    }

    /// The team's calendar that counts for a rule, if it is one of them, and why it counts.
    pub fn counted_calendar(
        &self,
        client: usize,
        rule: Option<&Rule>,
    ) -> Result<(Option<&Calendar>, &'static str), String> {
        let mut calendars = self.calendars[client].iter();
        let rule = rule.filter(|rule| rule.members["businessHoursOnly"] == true);
        let Some(rule) = rule else {
            return Ok((None, "none"));
        };
        if let Some(id) = rule.members.get("calendarId") {
            let found = calendars.find(|calendar| *id == calendar.id.as_str());
            let found = found.ok_or("a rule refers to a calendar that does not exist")?;
            return Ok((Some(found), "rule"));
        }
        let default = calendars.find(|calendar| calendar.default);
        Ok((default, default.map_or("built-in", |_| "default")))
    }

    /// If another calendar becomes the default, the current default calendar stops being it.
    fn demote(&mut self, client: usize, for_another: bool) {
        let defaults = self.calendars[client]
            .iter_mut()
            .filter(|calendar| calendar.default && for_another);
        for calendar in defaults {
            calendar.default = false;
            calendar.version += 1;
        }
    }

    fn path_of(&self, client: usize) -> String {
        self.keys[client].1.replace("/rules", "/calendars")
    }
}
