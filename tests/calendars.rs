//! Calendars: a team's working hours, holidays and exceptions, and the rules that use them.

use http::Method;
use jiff::Span;
use jiff::civil::date;
use local::wire::call::DynamoDbCall;
use serde_json::{Map, Value, json};
use shared::domain::principal::Plan;
use shared::domain::team_calendar::MAX_CALENDARS;

use crate::actors::{Actor, Response, Team, resource};
use crate::doors::HOLIDAYS;
use crate::world;

crate::stories![
    a_calendar_is_created_read_updated_and_deleted,
    every_member_is_validated,
    a_team_has_at_most_one_default_calendar,
    a_calendar_that_rules_use_cannot_be_deleted,
    holidays_are_replaced_from_an_icalendar_file,
    an_exchange_export_yields_its_all_day_events,
    a_file_without_holidays_is_refused_unless_allow_empty_is_set,
    an_unreadable_file_changes_nothing,
    the_101st_calendar_is_refused,
    a_calendar_larger_than_48_kib_is_refused,
    idempotent_requests_run_once_and_stale_ones_are_refused,
    the_largest_calendars_stay_within_their_capacity_budget,
];

fn office(name: &str) -> Value {
    json!({"name": name, "timeZone": "europe/berlin", "hours": {
        "sunday": [],
        "tuesday": [["13:00", "24:00"], ["09:00", "12:00"]],
        "monday": [["09:00", "17:00"]],
    }})
}

const SCHEDULE: &str = r#""timeZone":"Europe/Berlin","hours":{"monday":[["09:00","17:00"]],"tuesday":[["13:00","24:00"],["09:00","12:00"]]}"#;

async fn a_calendar_is_created_read_updated_and_deleted() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let path = team.calendars();
    caller
        .get(&path)
        .await
        .assert_is(200, r#"{"success":true,"data":[]}"#);
    let created = caller.post(&path, &office("Office")).await;
    let id = created.id();
    let members =
        format!(r#""name":"Office",{SCHEDULE},"holidays":[],"exceptions":{{}},"default":false"#);
    created.assert_is(201, &resource(&id, &members));
    assert_eq!(
        created.header("location"),
        Some(format!("{path}/{id}").as_str())
    );
    assert_eq!(created.header("etag"), Some("\"1\""));

    let one = format!("{path}/{id}");
    caller
        .get(&one)
        .await
        .assert_is(200, &resource(&id, &members));
    let known = caller.with("if-none-match", "\"1\"").get(&one).await;
    assert_eq!((known.status, known.body.as_str()), (304, ""));
    let counts = members.replace(
        r#""holidays":[],"exceptions":{}"#,
        r#""holidayCount":0,"exceptionCount":0"#,
    );
    caller.get(&path).await.assert_is(
        200,
        &format!(r#"{{"success":true,"data":[{{"id":"{id}",{counts}}}]}}"#),
    );
    let tag = caller.get(&path).await.header("etag").unwrap().to_owned();
    assert_eq!(
        caller.with("if-none-match", tag).get(&path).await.status,
        304
    );

    let change = json!({
        "hours": {"monday": null, "friday": [["10:00", "11:00"]]},
        "holidays": ["2026-12-25"],
        "exceptions": {"2026-12-24": [["09:00", "12:00"]], "2026-12-31": []},
    });
    let changed = caller.patch(&one, &change).await;
    let members = concat!(
        r#""name":"Office","timeZone":"Europe/Berlin","hours":{"tuesday":[["13:00","24:00"],["09:00","12:00"]],"#,
        r#""friday":[["10:00","11:00"]]},"holidays":["2026-12-25"],"#,
        r#""exceptions":{"2026-12-24":[["09:00","12:00"]],"2026-12-31":[]},"default":false"#,
    );
    changed.assert_is(200, &resource(&id, members));
    assert_eq!(changed.header("etag"), Some("\"2\""));
    let change = json!({"exceptions": {"2026-12-24": null}, "name": "Bureau"});
    let changed = caller.patch(&one, &change).await;
    let members = members
        .replace(r#""2026-12-24":[["09:00","12:00"]],"#, "")
        .replace("Office", "Bureau");
    changed.assert_is(200, &resource(&id, &members));

    caller.delete(&one).await.assert_is(
        200,
        &format!(r#"{{"success":true,"data":{{"id":"{id}","deleted":true}}}}"#),
    );
    for response in [
        caller.get(&one).await,
        caller.delete(&one).await,
        caller.patch(&one, &json!({})).await,
    ] {
        response.assert_cstar_error(
            404,
            "not_found_error",
            "resource_missing",
            "No such calendar.",
            "",
        );
    }
}

#[track_caller]
fn assert_refused(response: &Response, param: &str, code: &str) {
    let error = &response.json()["error"];
    assert_eq!(
        (response.status, &error["param"], &error["code"]),
        (400, &json!(param), &json!(code)),
        "{error}"
    );
}

async fn every_member_is_validated() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let many: Vec<String> = (0..1_001).map(|n| format!("{:04}-01-01", n + 1)).collect();
    let invalid = "parameter_invalid";
    let cases = [
        ("name", json!(" "), "name", invalid),
        ("timeZone", json!("Mars/Olympus"), "timeZone", invalid),
        ("timeZone", json!(1), "timeZone", invalid),
        ("hours", json!({}), "hours", invalid),
        ("hours", json!({"monday": []}), "hours", invalid),
        ("hours", json!([]), "hours", invalid),
        (
            "hours",
            json!({"funday": []}),
            "hours.funday",
            "parameter_unknown",
        ),
        ("hours", json!({"monday": "9-5"}), "hours.monday", invalid),
        (
            "hours",
            json!({"monday": [["09:00"]]}),
            "hours.monday[0]",
            invalid,
        ),
        (
            "hours",
            json!({"monday": [["09:00", "17:00", "18:00"]]}),
            "hours.monday[0]",
            invalid,
        ),
        (
            "hours",
            json!({"monday": [["9:00", "17:00"]]}),
            "hours.monday[0]",
            invalid,
        ),
        (
            "hours",
            json!({"monday": [["24:00", "24:00"]]}),
            "hours.monday[0]",
            invalid,
        ),
        (
            "hours",
            json!({"monday": [["22:00", "06:00"]]}),
            "hours.monday[0]",
            invalid,
        ),
        (
            "hours",
            json!({"monday": [["09:00", "17:00"], ["16:59", "18:00"]]}),
            "hours.monday[1]",
            invalid,
        ),
        ("holidays", json!(["2026-02-29"]), "holidays[0]", invalid),
        (
            "holidays",
            json!(["2026-12-25", "2026-12-25"]),
            "holidays[1]",
            invalid,
        ),
        ("holidays", json!([1]), "holidays[0]", invalid),
        ("holidays", json!(many), "holidays", invalid),
        (
            "exceptions",
            json!({"someday": []}),
            "exceptions.someday",
            invalid,
        ),
        (
            "exceptions",
            json!({"2026-12-24": [["12:00", "11:00"]]}),
            "exceptions.2026-12-24[0]",
            invalid,
        ),
        ("exceptions", json!([]), "exceptions", invalid),
        ("default", json!(1), "default", invalid),
        ("colour", json!("red"), "colour", "parameter_unknown"),
    ];
    for (member, value, param, code) in cases {
        let mut body = office("Office");
        body[member] = value;
        assert_refused(&caller.post(&team.calendars(), &body).await, param, code);
    }
    for member in ["name", "timeZone", "hours"] {
        let mut body = office("Office");
        body.as_object_mut().unwrap().shift_remove(member);
        assert_refused(
            &caller.post(&team.calendars(), &body).await,
            member,
            "parameter_missing",
        );
    }
    let mut body = office("Office");
    body["hours"] = json!({"funday": 5});
    let unknown = caller.post(&team.calendars(), &body).await;
    assert_refused(&unknown, "hours.funday", "parameter_unknown");
    assert_eq!(
        unknown.json()["error"].get("errors"),
        None,
        "one violation is reported"
    );
    let message = "The 'hours.monday[0]' field must start before it ends, with a night shift split at midnight into two days.";
    let mut body = office("Office");
    body["hours"] = json!({"monday": [["22:00", "06:00"]]});
    let response = caller.post(&team.calendars(), &body).await;
    response.assert_violation("hours.monday[0]", invalid, message);
    let id = caller.post(&team.calendars(), &office("Office")).await.id();
    let one = format!("{}/{id}", team.calendars());
    assert_refused(
        &caller
            .patch(&one, &json!({"hours": {"monday": null, "tuesday": null}}))
            .await,
        "hours",
        invalid,
    );
    let nulls = [
        (
            "hours.Monday",
            "parameter_unknown",
            json!({"hours": {"Monday": null}}),
        ),
        (
            "exceptions.nope",
            invalid,
            json!({"exceptions": {"nope": null}}),
        ),
        (
            "exceptions.monday",
            invalid,
            json!({"exceptions": {"monday": null}}),
        ),
        (
            "exceptions.20261224",
            invalid,
            json!({"exceptions": {"20261224": null}}),
        ),
        (
            "hours.2026-12-24",
            "parameter_unknown",
            json!({"hours": {"2026-12-24": null}}),
        ),
    ];
    for (param, code, patch) in nulls {
        assert_refused(&caller.patch(&one, &patch).await, param, code);
    }
    let absent = json!({"exceptions": {"2026-12-24": null}, "hours": {"sunday": null}});
    assert_eq!(
        caller.patch(&one, &absent).await.status,
        200,
        "removing what is absent is allowed"
    );
    assert_refused(
        &caller.patch(&one, &json!({"hours": null})).await,
        "hours",
        invalid,
    );
}

async fn defaults(caller: &Actor, team: &Team) -> Vec<String> {
    let listed = caller.get(&team.calendars()).await.json();
    let listed = listed["data"].as_array().unwrap().iter();
    listed
        .filter(|one| one["default"] == true)
        .map(|one| one["name"].as_str().unwrap().to_owned())
        .collect()
}

async fn a_team_has_at_most_one_default_calendar() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let path = team.calendars();
    let mut first = office("first");
    first["default"] = json!(true);
    let first = format!("{path}/{}", caller.post(&path, &first).await.id());
    assert_eq!(defaults(&caller, &team).await, ["first"]);
    let mut second = office("second");
    second["default"] = json!(true);
    let second = format!("{path}/{}", caller.post(&path, &second).await.id());
    assert_eq!(defaults(&caller, &team).await, ["second"]);
    let demoted = caller.get(&first).await;
    assert_eq!(
        demoted.header("etag"),
        Some("\"2\""),
        "its representation changed, and so must its ETag"
    );

    caller.patch(&first, &json!({"default": true})).await;
    assert_eq!(defaults(&caller, &team).await, ["first"]);
    caller.patch(&first, &json!({"default": false})).await;
    assert_eq!(defaults(&caller, &team).await, Vec::<String>::new());
    caller.patch(&second, &json!({"default": true})).await;
    assert_eq!(defaults(&caller, &team).await, ["second"]);
    assert_eq!(caller.delete(&second).await.status, 200);
    assert_eq!(defaults(&caller, &team).await, Vec::<String>::new());

    let body = json!({"default": true});
    let ids: Vec<String> = {
        let bodies: Vec<_> = (0..6).map(|n| office(&n.to_string())).collect();
        let created =
            futures_util::future::join_all(bodies.iter().map(|body| caller.post(&path, body)))
                .await;
        created
            .iter()
            .map(|response| format!("{path}/{}", response.id()))
            .collect()
    };
    let responses =
        futures_util::future::join_all(ids.iter().map(|one| caller.patch(one, &body))).await;
    assert!(
        responses.iter().all(|response| response.status == 200),
        "{responses:?}"
    );
    assert_eq!(defaults(&caller, &team).await.len(), 1);
}

async fn a_calendar_that_rules_use_cannot_be_deleted() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let id = caller.post(&team.calendars(), &office("Office")).await.id();
    let other = caller.post(&team.calendars(), &office("Other")).await.id();
    let one = format!("{}/{id}", team.calendars());
    let rule = json!({"name": "r", "priority": "high", "responseTarget": 1, "resolutionTarget": 2, "calendarId": id});
    let created = caller.post(&team.rules(), &rule).await;
    let rule_id = created.id();
    let rule_path = created.header("location").unwrap().to_owned();
    let members = format!(
        r#""name":"r","priority":"high","responseTarget":1,"resolutionTarget":2,"businessHoursOnly":false,"enabled":true,"calendarId":"{id}""#
    );
    created.assert_is(201, &resource(&rule_id, &members));

    let refused = caller.delete(&one).await;
    let message = format!("SLA rules use this calendar: {rule_id}.");
    let more = format!(r#","rules":["{rule_id}"]"#);
    refused.assert_cstar_error(
        409,
        "invalid_request_error",
        "calendar_in_use",
        &message,
        &more,
    );

    let renamed = caller.patch(&one, &json!({"name": "Renamed"})).await;
    assert_eq!(renamed.status, 200);
    assert_eq!(
        caller.delete(&one).await.status,
        409,
        "an update keeps the references of rules"
    );
    caller
        .patch(&rule_path, &json!({"calendarId": other}))
        .await;
    assert_eq!(caller.delete(&one).await.status, 200);
    let removed = caller.patch(&rule_path, &json!({"calendarId": null})).await;
    removed.assert_is(
        200,
        &resource(&rule_id, members.split(",\"calendarId\"").next().unwrap()),
    );
    let named_again = caller
        .patch(&rule_path, &json!({"calendarId": other}))
        .await;
    assert_eq!(named_again.json()["data"]["calendarId"], json!(other));
    caller.delete(&rule_path).await;
    assert_eq!(
        caller
            .delete(&format!("{}/{other}", team.calendars()))
            .await
            .status,
        200
    );

    let message = "The 'calendarId' field must be the id of one of the team's calendars.";
    let other_team = Team::new().await;
    let other_teams_id = other_team
        .secret_key()
        .await
        .post(&other_team.calendars(), &office("theirs"))
        .await
        .id();
    for unknown in [json!(id), json!(other_teams_id), json!("cal_x"), json!(4)] {
        let mut body = rule.clone();
        body["calendarId"] = unknown;
        let response = caller.post(&team.rules(), &body).await;
        response.assert_violation("calendarId", "parameter_invalid", message);
    }

    // When a rule refers to a calendar just as it is deleted, one of the two requests is refused.
    for _ in 0..8 {
        let id = caller.post(&team.calendars(), &office("Office")).await.id();
        let one = format!("{}/{id}", team.calendars());
        let mut body = rule.clone();
        body["calendarId"] = json!(id);
        let rules = team.rules();
        let (created, deleted) = tokio::join!(caller.post(&rules, &body), caller.delete(&one));
        assert!(
            matches!((created.status, deleted.status), (201, 409) | (400, 200)),
            "{created:?} {deleted:?}"
        );
    }
}

async fn holidays_are_replaced_from_an_icalendar_file() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let id = caller.post(&team.calendars(), &office("Office")).await.id();
    let path = format!("{}/{id}/holidays", team.calendars());
    let file = caller.with("content-type", "text/calendar; charset=utf-8");
    let replaced = file
        .send(Method::PUT, &path, HOLIDAYS.as_bytes().to_vec())
        .await;
    let members = format!(
        r#""name":"Office",{SCHEDULE},"holidays":["2026-12-25"],"exceptions":{{}},"default":false"#
    );
    replaced.assert_is(200, &resource(&id, &members));
    assert_eq!(replaced.header("etag"), Some("\"2\""));

    let yearly = HOLIDAYS.replace("END:VEVENT", "RRULE:FREQ=YEARLY\r\nEND:VEVENT");
    let replaced = file
        .send(Method::PUT, &path, yearly.into_bytes())
        .await
        .json();
    let holidays = replaced["data"]["holidays"].as_array().unwrap().clone();
    assert!(
        holidays.len() == 10 || holidays.len() == 11,
        "ten years: {holidays:?}"
    );
    assert!(
        holidays
            .iter()
            .all(|date| date.as_str().unwrap().ends_with("-12-25"))
    );

    let stale = file
        .with("if-match", "\"1\"")
        .send(Method::PUT, &path, HOLIDAYS.into())
        .await;
    assert_eq!(stale.status, 412);
}

/// Moves a text written for 2026 to this year: which occurrences count depends on today.
fn moved_to_this_year(text: &str) -> String {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    (2026..2030).rev().fold(text.to_owned(), |text, year| {
        let moved = i32::from(now.year()) + year - 2026;
        text.replace(&year.to_string(), &moved.to_string())
    })
}

/// A file as Exchange exports it: all-day events last from midnight to midnight.
fn exchange_export(events: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nMETHOD:PUBLISH\r\nPRODID:Microsoft Exchange Server 2010\r\n\
         VERSION:2.0\r\nBEGIN:VTIMEZONE\r\nTZID:W. Europe Standard Time\r\nBEGIN:STANDARD\r\n\
         DTSTART:16010101T030000\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\n\
         RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10\r\nEND:STANDARD\r\nBEGIN:DAYLIGHT\r\n\
         DTSTART:16010101T020000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\n\
         RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3\r\nEND:DAYLIGHT\r\nEND:VTIMEZONE\r\n\
         {events}END:VCALENDAR\r\n"
    )
}

const NEW_YEAR: &str = "BEGIN:VEVENT\r\nUID:new-year\r\nSUMMARY:Neujahr\r\n\
     DTSTART;TZID=W. Europe Standard Time:20270101T000000\r\n\
     DTEND;TZID=W. Europe Standard Time:20270102T000000\r\n\
     X-MICROSOFT-CDO-BUSYSTATUS:OOF\r\nX-MICROSOFT-CDO-ALLDAYEVENT:TRUE\r\nEND:VEVENT\r\n";

/// Ends in 2029, in UTC; 2027 is excluded, and 2028 is moved by a day.
const CHRISTMAS: &str = "BEGIN:VEVENT\r\nUID:christmas\r\nSUMMARY:Weihnachten\r\n\
     RRULE:FREQ=YEARLY;UNTIL=20291224T230000Z;INTERVAL=1;BYMONTHDAY=25;BYMONTH=12\r\n\
     EXDATE;TZID=W. Europe Standard Time:20271225T000000\r\n\
     DTSTART;TZID=W. Europe Standard Time:20261225T000000 \r\n\
     DTEND;TZID=W. Europe Standard Time:20261227T000000 \r\n\
     X-MICROSOFT-CDO-ALLDAYEVENT:TRUE\r\nEND:VEVENT\r\n\
     BEGIN:VEVENT\r\nUID:christmas\r\nSUMMARY:Weihnachten\r\n\
     RECURRENCE-ID;TZID=W. Europe Standard Time:20281225T000000\r\n\
     DTSTART;TZID=W. Europe Standard Time:20281226T000000\r\n\
     DTEND;TZID=W. Europe Standard Time:20281227T000000\r\n\
     X-MICROSOFT-CDO-ALLDAYEVENT:TRUE\r\nEND:VEVENT\r\n";

const MEETING: &str = "BEGIN:VEVENT\r\nUID:meeting\r\nSUMMARY:Jour fixe\r\n\
     DTSTART;TZID=W. Europe Standard Time:20270104T090000\r\n\
     DTEND;TZID=W. Europe Standard Time:20270104T100000\r\n\
     X-MICROSOFT-CDO-ALLDAYEVENT:FALSE\r\nEND:VEVENT\r\n";

async fn an_exchange_export_yields_its_all_day_events() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let id = caller.post(&team.calendars(), &office("Office")).await.id();
    let path = format!("{}/{id}/holidays", team.calendars());
    let export = moved_to_this_year(&exchange_export(&[NEW_YEAR, MEETING, CHRISTMAS].concat()));
    let file = caller.with(
        "content-type",
        "text/calendar; charset=utf-8; method=PUBLISH",
    );
    let replaced = file.send(Method::PUT, &path, export.into_bytes()).await;
    let dates = concat!(
        r#""2026-12-25","2026-12-26","2027-01-01","2028-12-26","#,
        r#""2029-12-25","2029-12-26""#
    );
    let dates = moved_to_this_year(dates);
    let members = format!(
        r#""name":"Office",{SCHEDULE},"holidays":[{dates}],"exceptions":{{}},"default":false"#
    );
    replaced.assert_is(200, &resource(&id, &members));
}

async fn a_file_without_holidays_is_refused_unless_allow_empty_is_set() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let id = caller.post(&team.calendars(), &office("Office")).await.id();
    let path = format!("{}/{id}/holidays", team.calendars());
    let file = caller.with("content-type", "text/calendar");
    file.send(Method::PUT, &path, HOLIDAYS.into()).await;
    let meetings = exchange_export(&MEETING.repeat(120));
    let cancelled = HOLIDAYS.replace("END:VEVENT", "STATUS:CANCELLED\r\nEND:VEVENT");
    let over = HOLIDAYS.replace(
        "END:VEVENT",
        "RRULE:FREQ=YEARLY;UNTIL=20200101\r\nEND:VEVENT",
    );
    for (text, found) in [
        (
            meetings.as_str(),
            "0 all-day events, 120 with a time of day",
        ),
        (
            &exchange_export(""),
            "0 all-day events, 0 with a time of day",
        ),
        (
            &cancelled,
            "0 all-day events, 0 with a time of day, 1 cancelled",
        ),
        (
            &over,
            "1 all-day event that is over or excludes its dates, 0 with a time of day",
        ),
    ] {
        let message = format!(
            "The file gives no holidays: {found}. To remove all holidays, add '?allowEmpty=true'."
        );
        for query in ["", "?allowEmpty=false", "?allow_empty=true"] {
            let path = format!("{path}{query}");
            let response = file.send(Method::PUT, &path, text.into()).await;
            response.assert_cstar_error(400, "invalid_request_error", "no_holidays", &message, "");
        }
    }
    for query in [
        "allowEmpty=",
        "allowEmpty=yes",
        "allowEmpty=True",
        "allowEmpty=true&allowEmpty=true",
    ] {
        let path = format!("{path}?{query}");
        let response = file.send(Method::PUT, &path, HOLIDAYS.into()).await;
        response.assert_violation(
            "allowEmpty",
            "parameter_invalid",
            "The 'allowEmpty' field must be true or false.",
        );
    }
    let members = |dates: &str| {
        format!(
            r#""name":"Office",{SCHEDULE},"holidays":[{dates}],"exceptions":{{}},"default":false"#
        )
    };
    let read = caller.get(&format!("{}/{id}", team.calendars())).await;
    read.assert_is(200, &resource(&id, &members(r#""2026-12-25""#)));
    assert_eq!(read.header("etag"), Some("\"2\""));

    let wanted = format!("{path}?allowEmpty=true&unknown=1");
    let replaced = file
        .with("if-match", "\"2\"")
        .send(Method::PUT, &wanted, meetings.into_bytes())
        .await;
    replaced.assert_is(200, &resource(&id, &members("")));
    assert_eq!(replaced.header("etag"), Some("\"3\""));
}

async fn an_unreadable_file_changes_nothing() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let id = caller.post(&team.calendars(), &office("Office")).await.id();
    let path = format!("{}/{id}/holidays", team.calendars());
    let file = caller.with("content-type", "text/calendar");
    for (found, put, line) in [
        ("20261225", "20261325", 4),
        ("VALUE=DATE:20261225", "VALUE=DATE", 4),
        ("END:VEVENT", "RRULE:FREQ=NEVER\r\nEND:VEVENT", 5),
        ("END:VEVENT\r\n", "", 5),
        ("BEGIN:VCALENDAR", "BEGIN:VCARD", 1),
    ] {
        let response = file
            .send(
                Method::PUT,
                &path,
                HOLIDAYS.replacen(found, put, 1).into_bytes(),
            )
            .await;
        let error = &response.json()["error"];
        assert_eq!(
            (response.status, &error["code"]),
            (400, &json!("invalid_calendar")),
            "{put}: {error}"
        );
        let message = error["message"].as_str().unwrap();
        assert!(
            message.starts_with(&format!("Line {line} cannot be read: ")),
            "{put}: {message}"
        );
    }
    let days: String = (0..1_001)
        .map(|n| {
            format!(
                "BEGIN:VEVENT\r\nUID:{n}\r\nDTSTART;VALUE=DATE:{:04}0101\r\nEND:VEVENT\r\n",
                n + 1
            )
        })
        .collect();
    let many = format!("BEGIN:VCALENDAR\r\n{days}END:VCALENDAR\r\n");
    let message = "A calendar can have at most 1000 holidays.";
    let response = file.send(Method::PUT, &path, many.into_bytes()).await;
    response.assert_cstar_error(400, "invalid_request_error", "limit_exceeded", message, "");
    let large = file
        .send(Method::PUT, &path, vec![b'x'; 256 * 1024 + 1])
        .await;
    let message = "The request body may have at most 262144 bytes.";
    large.assert_cstar_error(413, "invalid_request_error", "body_too_large", message, "");
    let json = caller
        .with("content-type", "application/json")
        .send(Method::PUT, &path, HOLIDAYS.into())
        .await;
    let message = "The request body must be sent with 'Content-Type: text/calendar'.";
    json.assert_cstar_error(
        415,
        "invalid_request_error",
        "unsupported_media_type",
        message,
        "",
    );
    let read = caller.get(&format!("{}/{id}", team.calendars())).await;
    assert_eq!(read.header("etag"), Some("\"1\""));
}

async fn the_101st_calendar_is_refused() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let (path, body) = (team.calendars(), office("one of many"));
    let calls = (0..MAX_CALENDARS + 2).map(|_| caller.post(&path, &body));
    let responses = futures_util::future::join_all(calls).await;
    let (created, refused): (Vec<_>, Vec<_>) = responses
        .iter()
        .partition(|response| response.status == 201);
    assert_eq!((created.len(), refused.len()), (MAX_CALENDARS as usize, 2));
    let message = "A team can have at most 100 calendars.";
    for response in refused {
        response.assert_cstar_error(400, "invalid_request_error", "limit_exceeded", message, "");
    }
}

async fn a_calendar_larger_than_48_kib_is_refused() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let mut body = largest_calendar(0);
    let exceptions = body["exceptions"].as_object_mut().unwrap();
    for intervals in exceptions.values_mut() {
        *intervals = json!([["09:00", "12:00"], ["13:00", "17:00"]]);
    }
    let refused = caller.post(&team.calendars(), &body).await;
    let message = "A calendar's hours, holidays and exceptions can have at most 49152 bytes.";
    refused.assert_cstar_error(400, "invalid_request_error", "limit_exceeded", message, "");
    let listed = caller.get(&team.calendars()).await.json();
    assert_eq!(listed["data"], json!([]));
}

async fn idempotent_requests_run_once_and_stale_ones_are_refused() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let path = team.calendars();
    let keyed = caller.with("idempotency-key", "key");
    let created = keyed.post(&path, &office("Office")).await;
    let again = keyed.post(&path, &office("Office")).await;
    again.assert_is(201, &created.body);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(keyed.post(&path, &office("Other")).await.status, 409);
    let one = created.header("location").unwrap().to_owned();
    let change = keyed.with("if-match", "\"1\"");
    let changed = change.patch(&one, &json!({"name": "Changed"})).await;
    assert_eq!(changed.status, 200);
    change
        .patch(&one, &json!({"name": "Changed"}))
        .await
        .assert_is(200, &changed.body);
    assert_eq!(
        change.patch(&one, &json!({"name": "Other"})).await.status,
        409
    );
    let stale = caller.with("if-match", "\"1\"");
    assert_eq!(
        stale.patch(&one, &json!({"name": "Late"})).await.status,
        412
    );
    assert_eq!(stale.delete(&one).await.status, 412);

    // The first response is repeated, even after the calendar has changed.
    let holidays =
        json!({"holidays": ["2026-12-25", "2026-05-01"], "exceptions": {"2026-12-24": []}});
    let dated = caller.with("idempotency-key", "Zr5-once");
    let changed = dated.patch(&one, &holidays).await;
    caller.patch(&one, &json!({"holidays": []})).await;
    let again = dated.patch(&one, &holidays).await;
    again.assert_is(200, &changed.body);
    assert_eq!(again.header("etag"), changed.header("etag"));
    assert_eq!(caller.delete(&one).await.status, 200);
    keyed
        .post(&path, &office("Office"))
        .await
        .assert_is(201, &created.body);
}

/// A calendar in which everything is at its limit.
fn largest_calendar(name: usize) -> Value {
    let day: Vec<_> = (0..24)
        .map(|h| json!([format!("{h:02}:00"), format!("{h:02}:59")]))
        .collect();
    let hours = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let hours: Map<String, Value> = hours
        .map(|weekday| (weekday.to_owned(), json!(day)))
        .into_iter()
        .collect();
    let dates = |days| {
        let first = date(2026, 1, 1);
        (0..days).map(move |day| first.saturating_add(Span::new().days(day)).to_string())
    };
    let exceptions: Map<String, Value> = dates(900)
        .map(|date| (date, json!([["09:00", "17:00"]])))
        .collect();
    let holidays: Vec<String> = dates(1_000).collect();
    json!({"name": format!("{name:0>200}"), "timeZone": "America/New_York", "hours": hours,
        "holidays": holidays, "exceptions": exceptions})
}

async fn the_largest_calendars_stay_within_their_capacity_budget() {
    let (stack, _turn) = world::exclusive_stack().await;
    let team = Team::on(stack, Plan::Premium).await;
    let caller = team.secret_key().await;
    let path = team.calendars();
    let wire = stack.wire().expect("a recording stack");
    for number in 0..MAX_CALENDARS as usize {
        assert_eq!(
            caller.post(&path, &largest_calendar(number)).await.status,
            201
        );
    }
    wire.take();
    let listed = caller.get(&path).await.json();
    let units =
        |calls: Vec<DynamoDbCall>| calls.iter().map(|call| call.capacity_units).sum::<f64>();
    let listing = units(wire.take());
    assert_eq!(listed["data"][99]["exceptionCount"], json!(900));
    assert!(
        listing <= 26.0,
        "a list and its admission took {listing} units"
    );
    let one = format!("{path}/{}", listed["data"][0]["id"].as_str().unwrap());
    let keyed = caller.with("idempotency-key", "key");
    wire.take();
    let changed = keyed.patch(&one, &json!({"holidays": []})).await;
    let changing: Vec<DynamoDbCall> = wire.take();
    assert_eq!(changed.status, 200);
    let writes = changing
        .into_iter()
        .filter(|call| call.operation == "TransactWriteItems");
    let changing = units(writes.collect());
    assert!(changing <= 64.0, "a change took {changing} units");
}
