//! The model's calendars, and what a preview says of them.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::{Model, Seen, WORLDS, expect, same, seen};

const HOURS: &str = r#"{"monday":[["09:00","17:00"]]}"#;

#[derive(Clone, Debug)]
pub enum Ask {
    Create {
        world: usize,
        zone: &'static str,
        default: bool,
    },
    Change {
        world: usize,
        nth: usize,
        zone: Option<&'static str>,
        default: Option<bool>,
        seen: Seen,
    },
    Delete {
        world: usize,
        nth: usize,
        seen: Seen,
    },
    List {
        world: usize,
    },
    Preview {
        world: usize,
        priority: &'static str,
    },
}

#[derive(Clone)]
pub struct Calendar {
    pub id: String,
    zone: &'static str,
    default: bool,
    version: u64,
}

pub fn ask() -> impl Strategy<Value = Ask> {
    let (world, nth) = (|| 0..WORLDS, || 0..3_usize);
    let zone = || select(vec!["UTC", "Europe/Berlin", "Mars/Olympus"]);
    prop_oneof![
        3 => (world(), zone(), any::<bool>())
            .prop_map(|(world, zone, default)| Ask::Create { world, zone, default }),
        3 => (world(), nth(), option::of(zone()), option::of(any::<bool>()), seen())
            .prop_map(|(world, nth, zone, default, seen)| Ask::Change { world, nth, zone, default, seen }),
        2 => (world(), nth(), seen()).prop_map(|(world, nth, seen)| Ask::Delete { world, nth, seen }),
        1 => world().prop_map(|world| Ask::List { world }),
        3 => (world(), select(vec!["low", "urgent"])).prop_map(|(world, priority)| Ask::Preview { world, priority }),
    ]
}

impl Calendar {
    fn told(&self) -> Value {
        let hours: Value = serde_json::from_str(HOURS).expect("JSON");
        json!({"id": self.id, "name": "c", "timeZone": self.zone, "hours": hours, "holidays": [], "exceptions": {}, "default": self.default})
    }
}

impl Calendar {
    fn listed(&self) -> Value {
        let hours: Value = serde_json::from_str(HOURS).expect("JSON");
        json!({"id": self.id, "name": "c", "timeZone": self.zone, "hours": hours, "holidayCount": 0, "exceptionCount": 0, "default": self.default})
    }
}

impl Model {
    /// The nth calendar's id; an id of nobody's if there are not so many.
    pub fn calendar_id(&self, world: usize, nth: usize) -> String {
        let none = || format!("cal_{}", "0".repeat(32));
        self.calendars[world]
            .get(nth)
            .map_or_else(none, |calendar| calendar.id.clone())
    }

    pub async fn ask_calendars(&mut self, ask: Ask) -> Result<(), String> {
        match ask {
            Ask::Create {
                world,
                zone,
                default,
            } => self.create_calendar(world, zone, default).await,
            Ask::Change {
                world,
                nth,
                zone,
                default,
                seen,
            } => self.change_calendar(world, nth, zone, default, seen).await,
            Ask::Delete { world, nth, seen } => self.delete_calendar(world, nth, seen).await,
            Ask::List { world } => {
                let told = self.calendars[world].iter().map(Calendar::listed);
                let told: Vec<Value> = told.collect();
                let answer = self.keys[world].0.get(&self.path_of(world)).await;
                same(&answer, 200, &json!({"success": true, "data": told}))
            }
            Ask::Preview { world, priority } => self.preview(world, priority).await,
        }
    }

    async fn create_calendar(
        &mut self,
        world: usize,
        zone: &'static str,
        default: bool,
    ) -> Result<(), String> {
        let hours: Value = serde_json::from_str(HOURS).expect("JSON");
        let body = json!({"name": "c", "timeZone": zone, "hours": hours, "default": default});
        let answer = self.keys[world].0.post(&self.path_of(world), &body).await;
        if zone == "Mars/Olympus" {
            return expect(answer.status == 400, "400");
        }
        let id = answer.json()["data"]["id"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let calendar = Calendar {
            id,
            zone,
            default,
            version: 1,
        };
        let told = json!({"success": true, "data": calendar.told()});
        self.demote(world, default);
        self.calendars[world].push(calendar);
        same(&answer, 201, &told)
    }

    async fn change_calendar(
        &mut self,
        world: usize,
        nth: usize,
        zone: Option<&'static str>,
        default: Option<bool>,
        seen: Seen,
    ) -> Result<(), String> {
        let path = format!("{}/{}", self.path_of(world), self.calendar_id(world, nth));
        let was = self.calendars[world].get(nth).cloned();
        let version = was.as_ref().map_or(1, |calendar| calendar.version);
        let mut body = json!({});
        if let Some(zone) = zone {
            body["timeZone"] = json!(zone);
        }
        if let Some(default) = default {
            body["default"] = json!(default);
        }
        let answer = seen
            .on(&self.keys[world].0, "if-match", version)
            .patch(&path, &body)
            .await;
        let Some(was) = was else {
            return expect(answer.status == 404, "404");
        };
        if zone == Some("Mars/Olympus") {
            return expect(answer.status == 400, "400");
        }
        if matches!(seen, Seen::Stale) {
            return expect(answer.status == 412, "412");
        }
        let default = default.unwrap_or(was.default);
        self.demote(world, default && !was.default);
        let now = Calendar {
            zone: zone.unwrap_or(was.zone),
            default,
            version: version + 1,
            ..was
        };
        let (told, tag) = (
            json!({"success": true, "data": now.told()}),
            format!("\"{}\"", now.version),
        );
        self.calendars[world][nth] = now;
        same(&answer, 200, &told)?;
        expect(
            answer.header("etag") == Some(&tag),
            "the tag is the version",
        )
    }

    async fn delete_calendar(
        &mut self,
        world: usize,
        nth: usize,
        seen: Seen,
    ) -> Result<(), String> {
        let id = self.calendar_id(world, nth);
        let version = self.calendars[world]
            .get(nth)
            .map_or(1, |calendar| calendar.version);
        let path = format!("{}/{id}", self.path_of(world));
        let answer = seen
            .on(&self.keys[world].0, "if-match", version)
            .delete(&path)
            .await;
        if nth >= self.calendars[world].len() {
            return expect(answer.status == 404, "404");
        }
        if matches!(seen, Seen::Stale) {
            return expect(answer.status == 412, "412");
        }
        let naming = self.rules[world]
            .iter()
            .filter(|rule| rule.members.get("calendarId") == Some(&json!(id)));
        let naming: Vec<&String> = naming.map(|rule| &rule.id).collect();
        if !naming.is_empty() {
            let told = answer.json()["error"]["rules"].clone();
            return expect(
                answer.status == 409 && told == json!(naming),
                "409 that names the rules",
            );
        }
        self.calendars[world].remove(nth);
        same(
            &answer,
            200,
            &json!({"success": true, "data": {"id": id, "deleted": true}}),
        )
    }

    async fn preview(&self, world: usize, priority: &str) -> Result<(), String> {
        let path = self.keys[world].1.replace("/rules", "/preview");
        let ask = json!({"createdAt": "2026-11-22T09:00:00Z", "priority": priority});
        let answer = self.keys[world].0.post(&path, &ask).await;
        let applies = |members: &serde_json::Map<String, Value>| {
            members["priority"] == priority && members["enabled"] == true
        };
        let rule = self.rules[world].iter().find(|rule| applies(&rule.members));
        let hours_only = rule.is_some_and(|rule| rule.members["businessHoursOnly"] == true);
        let named = rule.and_then(|rule| rule.members.get("calendarId"));
        let kept = self.calendars[world].iter();
        let calendar = match named {
            _ if !hours_only => json!({"timeZone": "UTC", "source": "none"}),
            Some(named) => {
                let kept = kept.clone().find(|calendar| *named == calendar.id.as_str());
                let kept = kept.ok_or("a rule names a calendar that is gone")?;
                json!({"id": kept.id, "timeZone": kept.zone, "source": "rule"})
            }
            None => match kept.clone().find(|calendar| calendar.default) {
                Some(kept) => json!({"id": kept.id, "timeZone": kept.zone, "source": "default"}),
                None => json!({"timeZone": "UTC", "source": "built-in"}),
            },
        };
        let told = answer.json()["data"].clone();
        expect(
            told["calendar"] == calendar,
            &format!("{told} instead of {calendar}"),
        )?;
        let Some(rule) = rule else {
            return expect(
                told.get("ruleId").is_none() && told.get("resolution").is_none(),
                "no targets",
            );
        };
        let targets = (
            &told["firstResponse"]["targetMinutes"],
            &told["resolution"]["targetMinutes"],
        );
        let expected = (
            &rule.members["responseTarget"],
            &rule.members["resolutionTarget"],
        );
        expect(
            told["ruleId"] == rule.id.as_str() && targets == expected,
            "the rule's targets",
        )
    }

    /// Takes the default from whichever calendar has it, if another is to have it.
    fn demote(&mut self, world: usize, for_another: bool) {
        let defaults = self.calendars[world]
            .iter_mut()
            .filter(|calendar| calendar.default && for_another);
        for calendar in defaults {
            calendar.default = false;
            calendar.version += 1;
        }
    }

    fn path_of(&self, world: usize) -> String {
        self.keys[world].1.replace("/rules", "/calendars")
    }
}
