//! The calendars of a client of cStar, and previews with them.

use super::Rules;
use crate::client::{Request, Response};
use crate::site::Shared;
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Few enough that thirty-two callers stay below a team's limit of 100 calendars.
const MAX_CALENDARS: usize = 5;

#[derive(Clone)]
pub struct Calendar {
    pub id: String,
    name: String,
    zone: &'static str,
    monday: [String; 2],
    holidays: Vec<String>,
    /// A lower bound: the version also grows when another calendar becomes the default.
    version: u64,
}

impl Calendar {
    fn body(&self) -> Value {
        json!({
            "name": self.name,
            "timeZone": self.zone,
            "hours": {"monday": [self.monday]},
            "holidays": self.holidays,
        })
    }

    /// The members that a list has too.
    fn head(&self) -> Value {
        json!({"id": self.id, "name": self.name, "timeZone": self.zone})
    }
}

/// Whether a row is the calendar with this head.
fn has_head(head: &Value, row: &Value) -> bool {
    ["id", "name", "timeZone"]
        .iter()
        .all(|name| head.get(name) == row.get(name))
}

impl Rules {
    pub(super) fn any_calendar(&mut self) -> Option<(usize, Calendar)> {
        let place = self.random.choice(0..self.calendars.len())?;
        Some((place, self.calendars.get(place)?.clone()))
    }

    fn calendar_path(&self, calendar: &Calendar) -> String {
        format!("{}/calendars/{}", self.base, calendar.id)
    }

    fn draw_hours(&mut self) -> [String; 2] {
        let start = self.random.u64(..12);
        let end = start + 1 + self.random.u64(..11);
        [start, end].map(|hour| format!("{hour:02}:00"))
    }

    pub(super) async fn create_calendar(&mut self) {
        if self.calendars.len() >= MAX_CALENDARS {
            return self.delete_calendar().await;
        }
        let mut calendar = Calendar {
            id: String::new(),
            name: self.fresh(),
            zone: "Europe/Berlin",
            monday: self.draw_hours(),
            holidays: Vec::new(),
            version: 1,
        };
        let path = format!("{}/calendars", self.base);
        let request = Request::new("calendar create", Method::POST, path)
            .with("idempotency-key", calendar.name.clone())
            .json(&calendar.body());
        let Some(response) = self.client.send(&request).await else {
            self.uncertain.insert(calendar.name);
            return;
        };
        let (true, Some(id)) = (
            self.client.expects(&response, &[201]),
            response.text("/data/id"),
        ) else {
            self.uncertain.insert(calendar.name);
            return;
        };
        calendar.id = id;
        self.expect_calendar(&response, &calendar);
        self.calendars.push(calendar);
    }

    /// The response is this calendar. Other callers may change whether it is the default.
    fn expect_calendar(&self, response: &Response, calendar: &Calendar) {
        let mut actual = response.at("/data").clone();
        if let Some(members) = actual.as_object_mut() {
            members.remove("default");
            let none = members.remove("exceptions") == Some(json!({}));
            self.client.check(response, none, "unexpected exceptions");
        }
        let mut expected = calendar.body();
        if let Some(expected) = expected.as_object_mut() {
            expected.insert("id".to_owned(), json!(calendar.id));
        }
        let same = actual == expected;
        let what = format!("expected {expected}");
        self.client.check(response, same, &what);
        let version = response.version();
        let has_grown = version.is_some_and(|version| version >= calendar.version);
        let what = format!("expected version {} or later", calendar.version);
        self.client.check(response, has_grown, &what);
    }

    pub(super) async fn get_calendar(&mut self) {
        if let Some((_, calendar)) = self.any_calendar() {
            self.get_one_calendar(&calendar).await;
        }
    }

    pub(super) async fn get_one_calendar(&mut self, calendar: &Calendar) {
        let request = Request::get("calendar get", self.calendar_path(calendar));
        if let Some(response) = self.client.send(&request).await
            && self.client.expects(&response, &[200])
        {
            self.expect_calendar(&response, calendar);
        }
    }

    pub(super) async fn list_calendars(&mut self) {
        let request = Request::get("calendar list", format!("{}/calendars", self.base));
        let Some(response) = self.client.send(&request).await else {
            return;
        };
        if self.client.expects(&response, &[200]) {
            let heads: Vec<Value> = self.calendars.iter().map(Calendar::head).collect();
            self.expect_listed(&response, &heads, has_head);
            let rows = response.at("/data").as_array().cloned().unwrap_or_default();
            let defaults = rows
                .iter()
                .filter(|row| row.get("default") == Some(&json!(true)));
            let one = defaults.count() <= 1;
            self.client.check(&response, one, "two default calendars");
        }
    }

    pub(super) async fn change_calendar(&mut self) {
        let Some((place, mut calendar)) = self.any_calendar() else {
            return;
        };
        calendar.monday = self.draw_hours();
        calendar.zone = self
            .random
            .choice(&["UTC", "Europe/Berlin", "Asia/Tokyo"])
            .copied()
            .unwrap_or("UTC");
        let body = json!({"timeZone": calendar.zone, "hours": {"monday": [calendar.monday]}});
        let request = Request::new(
            "calendar change",
            Method::PATCH,
            self.calendar_path(&calendar),
        )
        .with("idempotency-key", self.fresh())
        .json(&body);
        self.write_calendar(place, calendar, &request).await;
    }

    pub(super) async fn replace_holidays(&mut self) {
        let Some((place, mut calendar)) = self.any_calendar() else {
            return;
        };
        let days = 1 + self.random.u64(..28);
        let days: Vec<u64> = (1..=days).collect();
        calendar.holidays = days.iter().map(|day| format!("2026-12-{day:02}")).collect();
        let events: String = days
            .iter()
            .map(|day| {
                format!(
                    "BEGIN:VEVENT\r\nUID:{day}\r\nDTSTART;VALUE=DATE:202612{day:02}\r\nEND:VEVENT\r\n"
                )
            })
            .collect();
        let path = format!("{}/holidays", self.calendar_path(&calendar));
        let mut request = Request::new("holidays replace", Method::PUT, path)
            .with("content-type", "text/calendar");
        request.body = Some(format!("BEGIN:VCALENDAR\r\n{events}END:VCALENDAR\r\n"));
        self.write_calendar(place, calendar, &request).await;
    }

    /// Makes a calendar the team's default, or no longer the default.
    pub(super) async fn default_calendar(&mut self) {
        let Some((place, calendar)) = self.any_calendar() else {
            return;
        };
        let body = json!({"default": self.random.u8(..100) < 70});
        let request = Request::new(
            "calendar default",
            Method::PATCH,
            self.calendar_path(&calendar),
        )
        .with("idempotency-key", self.fresh())
        .json(&body);
        self.write_calendar(place, calendar, &request).await;
    }

    async fn write_calendar(&mut self, place: usize, mut calendar: Calendar, request: &Request) {
        let Some(response) = self.client.send(request).await else {
            self.calendars.remove(place);
            self.uncertain.insert(calendar.id);
            return;
        };
        if self.client.expects(&response, &[200]) {
            calendar.version += 1;
            self.expect_calendar(&response, &calendar);
            calendar.version = response.version().unwrap_or(calendar.version);
            if let Some(slot) = self.calendars.get_mut(place) {
                *slot = calendar;
            }
        }
    }

    /// A calendar that rules name cannot be deleted.
    pub(super) async fn delete_calendar(&mut self) {
        let Some((place, calendar)) = self.any_calendar() else {
            return;
        };
        let is_named = |rule: &super::Rule| rule.calendar() == Some(&calendar.id);
        let named = self.rules.iter().any(is_named);
        let site = Shared::clone(&self.client.site);
        site.board.delete(&calendar.id);
        let request = Request::new(
            "calendar delete",
            Method::DELETE,
            self.calendar_path(&calendar),
        );
        let response = self.client.send(&request).await;
        let mut expected = vec![if named { 409 } else { 200 }];
        if self.possibly_named.contains(&calendar.id) {
            expected.push(409);
        }
        if response.as_ref().is_some_and(Response::may_be_repeated) && !named {
            expected.push(404);
        }
        match response {
            None if named => {}
            None => {
                self.calendars.remove(place);
                self.uncertain.insert(calendar.id);
            }
            Some(response) => {
                self.client.expects(&response, &expected);
                if response.status != 409 {
                    self.calendars.remove(place);
                }
            }
        }
    }

    /// A preview with a calendar of this caller, or without one.
    pub(super) async fn preview(&mut self) {
        let minutes = 1 + self.random.u64(..super::RESOLUTION);
        let calendar = self.any_calendar().map(|(_, calendar)| calendar);
        let mut body = json!({
            "createdAt": "2026-11-22T09:00:00Z",
            "responseTarget": minutes,
            "resolutionTarget": minutes,
        });
        if let (Some(calendar), Some(body)) = (&calendar, body.as_object_mut()) {
            body.insert("calendarId".to_owned(), json!(calendar.id));
        }
        let path = format!("{}/preview", self.base);
        let request = Request::new("preview", Method::POST, path).json(&body);
        let Some(response) = self.client.send(&request).await else {
            return;
        };
        if !self.client.expects(&response, &[200]) {
            return;
        }
        if let Some(calendar) = calendar {
            let expected =
                json!({"id": calendar.id, "timeZone": calendar.zone, "source": "inline"});
            let same = *response.at("/data/calendar") == expected;
            let what = format!("expected {expected}");
            self.client.check(&response, same, &what);
        } else {
            let created: Option<Timestamp> = "2026-11-22T09:00:00Z".parse().ok();
            let length = SignedDuration::from_mins(i64::try_from(minutes).unwrap_or_default());
            let due = created.and_then(|at| at.checked_add(length).ok());
            let due_at = response.text("/data/resolution/dueAt");
            let same = due_at == due.map(|at| at.to_string());
            self.client.check(&response, same, "the wrong due date");
        }
    }
}
