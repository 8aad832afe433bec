//! Files as calendar programs export them, and as nobody should.
use std::fmt::Write as _;

use jiff::civil::date;
use proptest::prelude::*;

use super::*;

const TODAY: Date = date(2026, 11, 22);

fn read(text: &str) -> Result<Vec<Date>, Refused> {
    holidays(text.as_bytes(), TODAY)
}

/// A file with one event.
fn file(properties: &[&str]) -> String {
    calendar(&[properties])
}

/// A file whose first event's first property is on line 4.
fn calendar(events: &[&[&str]]) -> String {
    let mut text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n".to_owned();
    for event in events {
        let lines = event.join("\r\n");
        write!(text, "BEGIN:VEVENT\r\n{lines}\r\nEND:VEVENT\r\n").unwrap();
    }
    text + "END:VCALENDAR\r\n"
}

fn told(text: &str) -> String {
    let dates = read(text).unwrap();
    let dates: Vec<String> = dates.iter().map(Date::to_string).collect();
    dates.join(" ")
}

fn refused(text: &str) -> (usize, &'static str) {
    match read(text) {
        Err(Refused::Unreadable { line, reason }) => (line, reason),
        other => panic!("{other:?}"),
    }
}

/// The dates of a rule, its `DTSTART` being on line 4 and its rule on line 5.
fn rule(start: &str, rule: &str) -> String {
    file(&[
        &format!("DTSTART;VALUE=DATE:{start}"),
        &format!("RRULE:{rule}"),
    ])
}

#[test]
fn google_export() {
    let text = "BEGIN:VCALENDAR\r\n\
        PRODID:-//Google Inc//Google Calendar 70.9054//EN\r\n\
        VERSION:2.0\r\n\
        CALSCALE:GREGORIAN\r\n\
        METHOD:PUBLISH\r\n\
        X-WR-CALNAME:Feiertage in Österreich\r\n\
        X-WR-TIMEZONE:UTC\r\n\
        BEGIN:VEVENT\r\n\
        DTSTART;VALUE=DATE:20261208\r\n\
        DTEND;VALUE=DATE:20261209\r\n\
        DTSTAMP:20261101T120000Z\r\n\
        UID:20261208_abc@google.com\r\n\
        CLASS:PUBLIC\r\n\
        DESCRIPTION:Gesetzlicher Feiertag\\nDiese Zeile ist so lang\\, dass sie ge\r\n faltet wird\r\n\
        STATUS:CONFIRMED\r\n\
        SUMMARY:Mariä Empfängnis\r\n\
        TRANSP:TRANSPARENT\r\n\
        END:VEVENT\r\n\
        BEGIN:VEVENT\r\n\
        DTSTART:20261210T080000Z\r\n\
        DTEND:20261210T090000Z\r\n\
        RRULE:FREQ=HOURLY\r\n\
        UID:meeting@google.com\r\n\
        SUMMARY:Stand-up\r\n\
        END:VEVENT\r\n\
        BEGIN:VEVENT\r\n\
        DTSTART;VALUE=DATE:20261225\r\n\
        DTEND;VALUE=DATE:20261227\r\n\
        UID:20261225_abc@google.com\r\n\
        SUMMARY:Weihnachten\r\n\
        END:VEVENT\r\n\
        END:VCALENDAR\r\n";
    assert_eq!(told(text), "2026-12-08 2026-12-25 2026-12-26");
}

#[test]
fn apple_export() {
    let text = "BEGIN:VCALENDAR\n\
        METHOD:PUBLISH\n\
        VERSION:2.0\n\
        X-APPLE-CALENDAR-COLOR:#711A76\n\
        BEGIN:VTIMEZONE\n\
        TZID:Europe/Berlin\n\
        BEGIN:DAYLIGHT\n\
        TZOFFSETFROM:+0100\n\
        RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\n\
        DTSTART:19810329T020000\n\
        END:DAYLIGHT\n\
        END:VTIMEZONE\n\
        BEGIN:VEVENT\n\
        TRANSP:TRANSPARENT\n\
        UID:2F1E7A50-6B3D\n\
        DTSTART;VALUE=DATE:20240501\n\
        X-APPLE-STRUCTURED-LOCATION;VALUE=URI;X-ADDRESS=\"Platz 1; 10115:Berlin\";X-\n TITLE=Amt:geo:52.5,13.4\n\
        RRULE:FREQ=YEARLY;UNTIL=20270501\n\
        DURATION:P1D\n\
        SUMMARY;LANGUAGE=de:Tag der Arbeit\n\
        BEGIN:VALARM\n\
        TRIGGER:-PT15H\n\
        DTSTART:never\n\
        END:VALARM\n\
        END:VEVENT\n\
        BEGIN:VTODO\n\
        DTSTART;VALUE=DATE:20260102\n\
        END:VTODO\n\
        END:VCALENDAR";
    assert_eq!(told(text), "2026-05-01 2027-05-01");
}

#[test]
fn outlook_export() {
    let text = "\u{feff}BEGIN:VCALENDAR\r\n\
        PRODID:-//Microsoft Corporation//Outlook 16.0 MIMEDIR//EN\r\n\
        VERSION:2.0\r\n\
        X-WR-RELCALID:{00000015-5B1A}\r\n\
        BEGIN:VEVENT\r\n\
        CLASS:PUBLIC\r\n\
        DTEND;VALUE=DATE:20261127\r\n\
        DTSTART;VALUE=DATE:20261126\r\n\
        EXDATE;TZID=\"Eastern Standard Time\":20281123T000000,20291122T000000\r\n\
        RRULE:FREQ=YEARLY;COUNT=5;BYDAY=4TH;BYMONTH=11\r\n\
        SUMMARY;LANGUAGE=en-us:Thanksgiving Day\r\n\
        UID:040000008200E00074C5B7101A82E008\r\n\
        X-MICROSOFT-CDO-BUSYSTATUS:OOF\r\n\
        X-ALT-DESC;FMTTYPE=text/html:<html>\r\n\t<body></body></html>\r\n\
        END:VEVENT\r\n\
        END:VCALENDAR\r\n\r\n";
    assert_eq!(told(text), "2026-11-26 2027-11-25 2030-11-28");
}

#[test]
fn dates_are_sorted_and_unique_and_may_be_any() {
    let text = calendar(&[
        &["DTSTART;VALUE=DATE:99991231"],
        &["dtstart;value=date:20261224", "DURATION:P1W"],
        &["DTSTART:20261225"],
        &["DTSTART;VALUE=DATE:00010101"],
        &["DTSTART;VALUE=DATE:20261230", "DTEND;VALUE=DATE:20270102"],
    ]);
    let week = "2026-12-24 2026-12-25 2026-12-26 2026-12-27 2026-12-28 2026-12-29";
    let later = "2026-12-30 2026-12-31 2027-01-01 9999-12-31";
    assert_eq!(told(&text), format!("0001-01-01 {week} {later}"));
    assert_eq!(told(&calendar(&[])), "");
    assert_eq!(told("begin:vcalendar\nend:Vcalendar"), "");
    assert_eq!(told(&calendar(&[]).repeat(2)), "");
}

#[test]
fn times_of_day_and_cancelled_events_are_passed_over() {
    let text = calendar(&[
        &["DTSTART:20261224T000000", "DTEND:20261225T000000"],
        &[
            "DTSTART;TZID=Europe/Berlin:20261224T120000",
            "EXDATE:nonsense",
        ],
        &["DTSTART;VALUE=DATE-TIME:20261224T120000Z"],
        &[
            "DTSTART;VALUE=DATE:20261225",
            "STATUS:Cancelled",
            "RRULE:FREQ=DAILY",
        ],
    ]);
    assert_eq!(told(&text), "");
}

/// `DTSTART`, rule, dates.
const RULES: &[(&str, &str, &str)] = &[
    (
        "20240229",
        "FREQ=YEARLY",
        "2028-02-29 2032-02-29 2036-02-29",
    ),
    (
        "20000101",
        "FREQ=YEARLY",
        "2026-01-01 2027-01-01 2028-01-01 2029-01-01 2030-01-01 2031-01-01 2032-01-01 \
             2033-01-01 2034-01-01 2035-01-01 2036-01-01",
    ),
    // The window's ends: a year ago, and ten years from now without the day itself.
    (
        "20201122",
        "FREQ=YEARLY;INTERVAL=5;COUNT=3",
        "2025-11-22 2030-11-22",
    ),
    ("20261122", "FREQ=YEARLY;INTERVAL=10", "2026-11-22"),
    (
        "20301122",
        "FREQ=YEARLY;INTERVAL=5",
        "2030-11-22 2035-11-22",
    ),
    (
        "20261126",
        "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH;UNTIL=20281231T235959Z",
        "2026-11-26 2027-11-25 2028-11-23",
    ),
    (
        "20261231",
        "FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=3",
        "2026-12-31 2027-01-31 2027-02-28",
    ),
    (
        "20270118",
        "freq=yearly;byday=mo;bymonth=1;bysetpos=3;until=20280117",
        "2027-01-18 2028-01-17",
    ),
    (
        "20261207",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;WKST=SU;COUNT=4",
        "2026-12-07 2026-12-20 2026-12-21 2027-01-03",
    ),
    ("20261224", "FREQ=DAILY;COUNT=2", "2026-12-24 2026-12-25"),
    (
        "20261228",
        "FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO",
        "2026-12-28 2032-12-27",
    ),
    (
        "20261231",
        "FREQ=YEARLY;BYYEARDAY=-1,1;COUNT=2",
        "2026-12-31 2027-01-01",
    ),
    (
        "20261224",
        "FREQ=DAILY;COUNT=2;BYHOUR=9,17;BYMINUTE=0",
        "2026-12-24 2026-12-25",
    ),
    ("20261224", "FREQ=YEARLY;UNTIL=20251224", ""),
    (
        "20260101",
        "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24;COUNT=1",
        "2026-12-24",
    ),
    ("20260101", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", ""),
    ("19000101", "FREQ=YEARLY;UNTIL=19991231", ""),
    ("99991231", "FREQ=YEARLY", "9999-12-31"),
];

#[test]
fn rules() {
    for (start, text, dates) in RULES {
        assert_eq!(told(&rule(start, text)), *dates, "{text}");
    }
}

#[test]
fn occurrences_last_as_long_as_their_event() {
    let text = file(&[
        "DTSTART;VALUE=DATE:20261231",
        "DTEND;VALUE=DATE:20270102",
        "RRULE:FREQ=YEARLY;COUNT=2",
        "RDATE;VALUE=DATE:20200101,20280229",
        "RDATE;VALUE=PERIOD:20300101T080000Z/PT1H",
        "EXDATE;VALUE=DATE:20271231",
        "EXDATE:20261231T120000",
    ]);
    let dates = "2020-01-01 2020-01-02 2026-12-31 2027-01-01 2028-02-29 2028-03-01";
    assert_eq!(told(&text), dates);
}

#[test]
fn the_first_day_can_be_excluded() {
    let text = file(&["DTSTART;VALUE=DATE:20261231", "EXDATE;VALUE=DATE:20261231"]);
    assert_eq!(told(&text), "");
}

#[test]
fn overrides_replace_their_occurrence() {
    let series: &[&str] = &[
        "UID:boxing-day",
        "DTSTART;VALUE=DATE:20201226",
        "RRULE:FREQ=YEARLY;UNTIL=20301226",
    ];
    let moved: &[&str] = &[
        "UID:boxing-day",
        "RECURRENCE-ID;VALUE=DATE:20271226",
        "DTSTART;VALUE=DATE:20271228",
    ];
    let cancelled: &[&str] = &[
        "UID:boxing-day",
        "RECURRENCE-ID;TZID=UTC:20281226T000000",
        "DTSTART;VALUE=DATE:20281226",
        "STATUS:CANCELLED",
    ];
    let timed: &[&str] = &[
        "UID:boxing-day",
        "RECURRENCE-ID;VALUE=DATE:20291226",
        "DTSTART:20291226T090000Z",
    ];
    let long_ago: &[&str] = &[
        "UID:boxing-day",
        "RECURRENCE-ID;VALUE=DATE:20211226",
        "DTSTART;VALUE=DATE:20211228",
    ];
    let of_another: &[&str] = &[
        "UID:other",
        "RECURRENCE-ID;VALUE=DATE:20301226",
        "DTSTART;VALUE=DATE:20211224",
    ];
    let text = calendar(&[series, moved, cancelled, timed, long_ago, of_another]);
    let dates = "2021-12-24 2025-12-26 2026-12-26 2027-12-28 2030-12-26";
    assert_eq!(told(&text), dates);
    // An override may stand before its series.
    let text = calendar(&[moved, series, cancelled, timed, of_another, long_ago]);
    assert_eq!(told(&text), dates);
}

#[test]
fn folds_part_names_dates_and_characters() {
    let text = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTST\r\n ART;VALUE=DATE:2026\r\n\t1225\r\n\
        RRULE:FREQ=YEAR\n LY;COU\r\n NT=1\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    assert_eq!(told(text), "2026-12-25");
    let mut bytes = b"BEGIN:VCALENDAR\nSUMMARY:\xC3\n \xA4\n".to_vec();
    bytes.extend_from_slice(b"END:VCALENDAR\n");
    assert_eq!(holidays(&bytes, TODAY), Ok(vec![]));
}

#[test]
fn a_folded_line_is_named_by_its_first() {
    let text = "BEGIN:VCALENDAR\r\n\r\nX-A:1\r\n 2\r\n 3\r\nX-B\r\n C\r\nEND:VCALENDAR\r\n";
    assert_eq!(refused(text), (6, "not a line of iCalendar"));
}

#[test]
fn structure_is_refused_by_line() {
    let begin = "the file must begin with BEGIN:VCALENDAR";
    let never = "a component begins here and never ends";
    let cases = [
        ("", 1, begin),
        ("\r\n\r\n", 1, begin),
        ("\n{\"holidays\":[]}", 2, begin),
        (" BEGIN:VCALENDAR\n", 1, begin),
        ("BEGIN:VEVENT\nEND:VEVENT\n", 1, begin),
        ("BEGIN:VCALENDAR\n", 1, never),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nX:\n", 2, never),
        (
            "BEGIN:VCALENDAR\nEND:VEVENT\n",
            2,
            "END is not that of the component begun last",
        ),
        (
            "BEGIN:VCALENDAR\nEND:VCALENDAR\nEND:VCALENDAR\n",
            3,
            "something follows END:VCALENDAR",
        ),
        (
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VEVENT\nEND:VCALENDAR\n",
            2,
            "the event has no DTSTART",
        ),
    ];
    for (text, line, reason) in cases {
        assert_eq!(refused(text), (line, reason), "{text:?}");
    }
    for line in [
        "DTSTART",
        ":20261225",
        "DTSTART;:20261225",
        "DTSTART;VALUE:20261225",
        "DTSTART;VALUE=\"DATE:20261225",
        "DTSTART;VALUE=DA\"TE:20261225",
        "DTSTART;VALUE=DATE",
        "D\u{e9}:1",
    ] {
        assert_eq!(
            refused(&file(&[line])),
            (4, "not a line of iCalendar"),
            "{line}"
        );
    }
    let bytes = b"BEGIN:VCALENDAR\nX:\xFF\nEND:VCALENDAR\n";
    let (line, reason) = (2, "not UTF-8");
    assert_eq!(
        holidays(bytes, TODAY),
        Err(Refused::Unreadable { line, reason })
    );
}

#[test]
fn events_are_refused_by_line() {
    let start = "DTSTART;VALUE=DATE:20261225";
    let no_duration = "DURATION is no number of days or weeks";
    let mistyped = "the value is not of the type that VALUE says";
    let twice = "the property is given twice";
    let cases: &[(&str, &str)] = &[
        ("DTSTART;VALUE=DATE:20261226", twice),
        ("DTEND;VALUE=DATE:20261225", "DTEND is not after DTSTART"),
        ("DTEND;VALUE=DATE:20261224", "DTEND is not after DTSTART"),
        (
            "DTEND:20261226T000000",
            "DTEND has a time of day, DTSTART has none",
        ),
        ("DTEND;VALUE=DATE:2026-12-26", "not a date"),
        ("DURATION:PT24H", no_duration),
        ("DURATION:P1DT1H", no_duration),
        ("DURATION:-P1D", no_duration),
        ("DURATION:P0D", no_duration),
        ("DURATION:PD", no_duration),
        ("DURATION:P+1D", no_duration),
        ("DURATION:P99999999999D", no_duration),
        ("DURATION:P999999999W", no_duration),
        ("DURATION:P3000000D", "the event lasts beyond the year 9999"),
        ("EXDATE;VALUE=DATE:20261225,", "not a date"),
        ("EXDATE;VALUE=DATE:20261225T000000", mistyped),
        ("RDATE;VALUE=DATE-TIME:20261225", mistyped),
        ("RDATE:tomorrow", "not a date"),
        ("EXRULE:FREQ=DAILY", "EXRULE is obsolete and cannot be read"),
        (
            "RECURRENCE-ID;VALUE=DATE:20261225",
            "RECURRENCE-ID needs a UID",
        ),
    ];
    for (line, reason) in cases {
        assert_eq!(refused(&file(&[start, line])), (5, *reason), "{line}");
    }
}

#[test]
fn properties_that_contradict_are_refused_by_line() {
    let start = "DTSTART;VALUE=DATE:20261225";
    let twice = "the property is given twice";
    let cases: &[(&[&str], usize, &str)] = &[
        (
            &["DTEND;VALUE=DATE:20261226", "DURATION:P1D"],
            6,
            "DTEND is given too",
        ),
        (&["STATUS:CONFIRMED", "STATUS:CANCELLED"], 6, twice),
        (&["UID:1", "RECURRENCE-ID:never"], 6, "not a date"),
        (
            &[
                "UID:1",
                "RECURRENCE-ID;RANGE=THISANDFUTURE;VALUE=DATE:20261225",
            ],
            6,
            "an event that changes all following ones cannot be read",
        ),
        (
            &[
                "UID:1",
                "RECURRENCE-ID;VALUE=DATE:20261225",
                "RRULE:FREQ=DAILY",
            ],
            7,
            "an event with RECURRENCE-ID cannot repeat",
        ),
    ];
    for (lines, line, reason) in cases {
        let text = file(&[&[start], *lines].concat());
        assert_eq!(refused(&text), (*line, *reason), "{lines:?}");
    }
}

#[test]
fn dates_are_refused_by_line() {
    let mistyped = "the value is not of the type that VALUE says";
    for value in [
        "20261301",
        "20260229",
        "00000101",
        "2026122",
        "202612251",
        "+2026122",
        "-0011225",
        "20261225T",
        "20261225T240000",
        "20261225T0900",
        "20261225T090000+01",
        "2026é25",
        "",
    ] {
        let text = file(&[&format!("DTSTART:{value}")]);
        assert_eq!(refused(&text), (4, "not a date"), "{value}");
    }
    let text = file(&["DTSTART;VALUE=DATE-TIME:20261225"]);
    assert_eq!(refused(&text), (4, mistyped));
}

const RANGE: &str = "a number of the rule is out of range";
const TWICE: &str = "a part of the rule is given twice";
const EMPTY: &str = "a part of the rule has an empty value or spaces";
const FREQUENCY: &str = "a part of the rule does not go with its FREQ";
const WITHIN: &str = "an all-day event cannot repeat within a day";
const TOO_MANY: &str = "the rule gives more dates than a calendar may have";
/// Rules, and why they are refused.
const REFUSED_RULES: &[(&str, &str)] = &[
    ("", "a part of the rule has no value"),
    ("FREQ=YEARLY;", "a part of the rule has no value"),
    ("FREQ=YEARLY;BYEASTER=0", "a part of the rule is unknown"),
    ("FREQ=YEARLY;freq=DAILY", TWICE),
    ("FREQ=YEARLY;BYMONTH=1,,2", EMPTY),
    ("FREQ=YEARLY;BYMONTH=1, 2", EMPTY),
    ("FREQ=FORTNIGHTLY", "FREQ of the rule is unknown"),
    ("INTERVAL=2", "the rule has no FREQ"),
    ("FREQ=SECONDLY", WITHIN),
    ("FREQ=MINUTELY;COUNT=1", WITHIN),
    ("FREQ=HOURLY;INTERVAL=24", WITHIN),
    ("FREQ=YEARLY;UNTIL=2027", "UNTIL of the rule is no date"),
    ("FREQ=YEARLY;UNTIL=2027+1+1", "UNTIL of the rule is no date"),
    (
        "FREQ=YEARLY;COUNT=0",
        "COUNT of the rule must be at least 1",
    ),
    ("FREQ=YEARLY;COUNT=-1", "COUNT of the rule is no number"),
    (
        "FREQ=YEARLY;COUNT=99999999999",
        "COUNT of the rule is no number",
    ),
    (
        "FREQ=YEARLY;INTERVAL=0",
        "INTERVAL of the rule must be at least 1",
    ),
    (
        "FREQ=YEARLY;INTERVAL=x",
        "INTERVAL of the rule is no number",
    ),
    ("FREQ=YEARLY;BYMONTH=13", RANGE),
    ("FREQ=YEARLY;BYMONTHDAY=0", RANGE),
    ("FREQ=YEARLY;BYYEARDAY=367", RANGE),
    ("FREQ=YEARLY;BYWEEKNO=54", RANGE),
    ("FREQ=YEARLY;BYDAY=0MO", RANGE),
    ("FREQ=YEARLY;BYDAY=54MO", RANGE),
    ("FREQ=YEARLY;BYDAY=é", "the rule names an unknown weekday"),
    (
        "FREQ=YEARLY;BYDAY=xMO",
        "a number of the rule cannot be read",
    ),
    ("FREQ=YEARLY;WKST=XX", "the rule names an unknown weekday"),
    ("FREQ=WEEKLY;BYMONTHDAY=1", FREQUENCY),
    ("FREQ=WEEKLY;BYDAY=1MO", FREQUENCY),
    (
        "FREQ=YEARLY;BYSETPOS=1",
        "BYSETPOS has nothing to choose from",
    ),
    (
        "FREQ=YEARLY;COUNT=1;UNTIL=20270101",
        "the rule has both UNTIL and COUNT",
    ),
    (
        "FREQ=YEARLY;RSCALE=HEBREW;BYMONTH=1",
        "the rule is in a calendar other than the Gregorian",
    ),
    (
        "FREQ=YEARLY;SKIP=FORWARD",
        "the rule has SKIP without RSCALE",
    ),
    (
        "FREQ=YEARLY;BYWEEKNO=1;BYDAY=1MO",
        "the rule counts weekdays within numbered weeks",
    ),
    ("FREQ=DAILY", TOO_MANY),
    ("FREQ=WEEKLY;BYDAY=SA,SU", TOO_MANY),
];

#[test]
fn rules_are_refused_by_line() {
    for (text, reason) in REFUSED_RULES {
        assert_eq!(refused(&rule("20261225", text)), (5, *reason), "{text}");
    }
}

#[test]
fn more_than_a_thousand_dates_are_too_many() {
    let days = |days: usize| {
        let more = format!("DURATION:P{days}D");
        file(&["DTSTART;VALUE=DATE:20260101", &more])
    };
    assert_eq!(
        read(&days(HOLIDAYS_MAX)).map(|dates| dates.len()),
        Ok(1_000)
    );
    assert_eq!(read(&days(HOLIDAYS_MAX + 1)), Err(Refused::TooMany));
    let forever = ["DTSTART;VALUE=DATE:00010101", "DTEND;VALUE=DATE:99991231"];
    assert_eq!(read(&file(&forever)), Err(Refused::TooMany));
    // Many events on the same dates are not.
    let event = ["DTSTART;VALUE=DATE:20260101", "DURATION:P1000D"];
    let text = calendar(&vec![event.as_slice(); 1_000]);
    assert_eq!(read(&text).map(|dates| dates.len()), Ok(1_000));
}

#[test]
fn hostile_rules_end_soon() {
    let numbers = |max: i32| {
        let numbers: Vec<String> = (1..=max)
            .map(|number| format!("{number},-{number}"))
            .collect();
        numbers.join(",")
    };
    let rules = [
        format!("FREQ=DAILY;BYMONTHDAY=1;BYSETPOS={}", numbers(366)),
        format!("FREQ=YEARLY;BYYEARDAY={};BYSETPOS=366", numbers(366)),
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=300".to_owned(),
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30".to_owned(),
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30".to_owned(),
        "FREQ=DAILY;COUNT=4294967295".to_owned(),
        "FREQ=DAILY;INTERVAL=4294967295".to_owned(),
        "FREQ=WEEKLY;INTERVAL=4294967295".to_owned(),
        "FREQ=MONTHLY;INTERVAL=4294967295".to_owned(),
        "FREQ=YEARLY;INTERVAL=4294967295".to_owned(),
        "FREQ=YEARLY;RSCALE=GREGORIAN;SKIP=FORWARD;BYMONTHDAY=31".to_owned(),
        "FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO,TU".to_owned(),
    ];
    for text in rules {
        for start in ["00010101", "18000101", "20260101", "99991231"] {
            // What matters is that this ends; what it ends in is bounded.
            let dates = read(&rule(start, &text)).map_or(0, |dates| dates.len());
            assert!(dates <= HOLIDAYS_MAX, "{start} {text}");
        }
    }
}

#[test]
fn many_hostile_rules_end_soon() {
    let too_long = "the rules up to this one take too long to expand";
    let event = [
        "DTSTART;VALUE=DATE:20260101",
        "RRULE:FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO,TU",
    ];
    let text = calendar(&vec![event.as_slice(); 2_500]);
    let (line, reason) = refused(&text);
    assert_eq!(reason, too_long);
    // What real exports hold is far from that.
    assert!(line > 4 * 1_000, "{line}");
}

#[test]
fn hostile_lines_are_refused() {
    for text in [
        "BEGIN:VCALENDAR\n".repeat(16_000),
        format!("BEGIN:VCALENDAR\nX:{}", "\n ".repeat(120_000)),
        format!("BEGIN:VCALENDAR\nX{}", ";A=".repeat(80_000)),
        file(&[
            "DTSTART:20260101",
            &format!("RDATE:{}", "20260101,".repeat(28_000)),
        ]),
    ] {
        assert!(matches!(read(&text), Err(Refused::Unreadable { .. })));
    }
}

fn fragment() -> impl Strategy<Value = String> {
    let whole = prop::sample::select(vec![
        "BEGIN:VCALENDAR",
        "END:VCALENDAR",
        "BEGIN:VEVENT",
        "END:VEVENT",
        "BEGIN:VALARM",
        "END:VALARM",
        "UID:1",
        "STATUS:CANCELLED",
        "DTSTART;VALUE=DATE:20261225",
        "DTSTART:20261225T090000Z",
        "DTEND;VALUE=DATE:20261227",
        "DURATION:P2W",
        "EXDATE;VALUE=DATE:20261225",
        "RDATE:20270101,20270102",
        "RECURRENCE-ID;VALUE=DATE:20261225",
        "RRULE:FREQ=YEARLY",
        " 1",
        "\t;A=\"b:c\"",
    ]);
    let part = prop::sample::select(vec![
        "RRULE:",
        "FREQ=DAILY",
        "FREQ=WEEKLY",
        "FREQ=MONTHLY",
        "FREQ=YEARLY",
        ";",
        ";BYDAY=",
        "MO",
        "-1SU",
        ",",
        ";BYMONTH=",
        ";BYSETPOS=",
        ";COUNT=",
        ";INTERVAL=",
        ";UNTIL=",
        "20301231",
        "1",
        "4294967295",
        "DTSTART:",
        "00010101",
        "99991231",
        "DURATION:P",
        "D",
        "\"",
        "é",
        "\u{feff}",
        ":",
        "=",
    ]);
    prop_oneof![
        4 => whole.prop_map(str::to_owned),
        4 => prop::collection::vec(part, 1..8).prop_map(|parts| parts.concat()),
        1 => any::<String>(),
    ]
}

proptest! {
    #[test]
    fn bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = holidays(&bytes, TODAY);
    }

    #[test]
    fn lines_never_panic(
        lines in prop::collection::vec(fragment(), 0..16),
        year in -9999_i16..=9999,
    ) {
        let text = lines.join("\n");
        let today = date(year, 2, 28);
        let _ = holidays(text.as_bytes(), today);
        for file in [
            format!("BEGIN:VCALENDAR\n{text}\nEND:VCALENDAR\n"),
            calendar(&[&["DTSTART:20240229", &text]]),
        ] {
            if let Ok(dates) = holidays(file.as_bytes(), today) {
                prop_assert!(dates.is_sorted_by(|one, next| one < next));
                prop_assert!(dates.len() <= HOLIDAYS_MAX);
            }
        }
    }
}
