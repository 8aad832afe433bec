//! Holiday files as calendar programs export them, and malformed or hostile ones.

use std::fmt::Write as _;

use jiff::civil::date;
use proptest::prelude::*;

use super::*;

const TODAY: Date = date(2026, 11, 22);

fn read_text(text: &str) -> Result<HolidayFile, HolidayFileError> {
    read(text.as_bytes(), TODAY)
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

fn dates_of(text: &str) -> String {
    let dates = read_text(text).unwrap().dates;
    let dates: Vec<String> = dates.iter().map(Date::to_string).collect();
    dates.join(" ")
}

fn invalid_line_of(text: &str) -> (usize, &'static str) {
    match read_text(text) {
        Err(HolidayFileError::InvalidLine(InvalidLine { line, reason })) => (line, reason),
        other => panic!("{other:?}"),
    }
}

/// The numbers of all-day events, of events with a time of day, and of cancelled ones.
fn counts_of(text: &str) -> (usize, usize, usize) {
    let file = read_text(text).unwrap();
    (
        file.all_day_events,
        file.timed_events,
        file.cancelled_events,
    )
}

/// Whether reading a file takes no more work than is allowed for any file.
fn is_bounded(text: &str) -> bool {
    let mut work = Work::default();
    let _ = read_in(text.as_bytes(), TODAY, &mut work);
    work.rule_steps <= MAX_RULE_STEPS && work.bytes_read <= 2 * text.len()
}

/// A file with one rule. Its `DTSTART` is on line 4, and the rule on line 5.
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
    assert_eq!(dates_of(text), "2026-12-08 2026-12-25 2026-12-26");
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
    assert_eq!(dates_of(text), "2026-05-01 2027-05-01");
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
    assert_eq!(dates_of(text), "2026-11-26 2027-11-25 2030-11-28");
}

/// A file with a time zone before its events. The first property of the first event is on line 10.
fn zoned(offset: &str, events: &[&[&str]]) -> String {
    let zone = format!(
        "BEGIN:VTIMEZONE\r\nTZID:Zone Standard Time\r\nBEGIN:STANDARD\r\n\
         TZOFFSETTO:{offset}\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    );
    let version = "VERSION:2.0\r\n";
    calendar(events).replacen(version, &format!("{version}{zone}"), 1)
}

const FLAGGED: &str = "X-MICROSOFT-CDO-ALLDAYEVENT:TRUE";

/// The properties of an event, and its dates; empty if it does not last all day.
const MIDNIGHTS: &[(&[&str], &str)] = &[
    // As Outlook and Exchange write it.
    (
        &[
            "DTSTART;TZID=\"Zone Standard Time\":20261225T000000",
            "DTEND;TZID=\"Zone Standard Time\":20261226T000000",
            FLAGGED,
        ],
        "2026-12-25",
    ),
    (
        &["DTSTART;TZID=Zone Standard Time:20261225T000000", FLAGGED],
        "2026-12-25",
    ),
    (
        &["DTSTART:20261225T000000", "DURATION:P2D", FLAGGED],
        "2026-12-25 2026-12-26",
    ),
    // Midnights of two zones: the dates count as they are written.
    (
        &[
            "DTSTART;TZID=A:20261225T000000",
            "DTEND;TZID=B:20261227T000000",
            FLAGGED,
        ],
        "2026-12-25 2026-12-26",
    ),
    // As older versions write it: 23:00 in winter, 22:00 in summer.
    (
        &[
            "DTSTART:20261224T230000Z",
            "DTEND:20261225T230000Z",
            FLAGGED,
        ],
        "2026-12-25",
    ),
    (
        &[
            "DTSTART:20260630T220000Z",
            "DTEND:20260701T220000Z",
            FLAGGED,
        ],
        "2026-07-01",
    ),
    (
        &[
            "DTSTART:20261225T000000Z",
            "DTEND:20261226T000000Z",
            FLAGGED,
        ],
        "2026-12-25",
    ),
    // Without the flag.
    (
        &["DTSTART:20261225T000000", "DTEND:20261227T000000"],
        "2026-12-25 2026-12-26",
    ),
    (
        &[
            "DTSTART;TZID=A:20261225T000000",
            "DTEND;TZID=A:20261226T000000",
        ],
        "2026-12-25",
    ),
    (
        &["DTSTART;TZID=A:20261225T000000", "DURATION:P1D"],
        "2026-12-25",
    ),
    // With a time of day.
    (
        &[
            "DTSTART;TZID=A:20261225T000000",
            "DTEND;TZID=B:20261226T000000",
        ],
        "",
    ),
    (
        &["DTSTART;TZID=A:20261225T000000", "DTEND:20261226T000000"],
        "",
    ),
    (
        &[
            "DTSTART;TZID=A:20261225T000000",
            "DTEND;TZID=A:20261226T000001",
        ],
        "",
    ),
    (
        &[
            "DTSTART;TZID=A:20261225T000000",
            "DTEND;TZID=A:20261225T000000",
        ],
        "",
    ),
    (&["DTSTART;TZID=A:20261225T000000", "DURATION:PT8H"], ""),
    (&["DTSTART;TZID=A:20261225T000000"], ""),
    (&["DTSTART:20261225T000000Z", "DTEND:20261226T000000Z"], ""),
    (
        &[
            "DTSTART:20261225T000000",
            "DTEND:20261226T000000",
            "X-MICROSOFT-CDO-ALLDAYEVENT:FALSE",
        ],
        "",
    ),
    // A date lasts all day, whatever the flag says.
    (
        &[
            "DTSTART;VALUE=DATE:20261225",
            "X-MICROSOFT-CDO-ALLDAYEVENT:FALSE",
        ],
        "2026-12-25",
    ),
];

#[test]
fn events_from_midnight_to_midnight_may_last_all_day() {
    for (event, dates) in MIDNIGHTS {
        let text = zoned("+0100", &[event]);
        assert_eq!(dates_of(&text), *dates, "{event:?}");
        let counts = if dates.is_empty() {
            (0, 1, 0)
        } else {
            (1, 0, 0)
        };
        assert_eq!(counts_of(&text), counts, "{event:?}");
    }
}

#[test]
fn all_day_events_that_begin_or_end_within_a_day_are_reported_by_line() {
    let not_midnight = "the event is marked as all-day, but this is not midnight";
    let ambiguous = "the time is midnight of different dates east and west of UTC, and the file \
         defines no time zone to tell them apart";
    let start = "DTSTART:20261225T000000";
    let cases: &[(&[&str], usize, &str)] = &[
        (&["DTSTART:20261225T090000", FLAGGED], 4, not_midnight),
        (&["DTSTART:20261224T231000Z", FLAGGED], 4, not_midnight),
        (&[start, "DTEND:20261225T235900", FLAGGED], 5, not_midnight),
        (&[start, start, FLAGGED], 5, "the property is given twice"),
        (
            &[start, "DTEND:20261225T000000", FLAGGED],
            5,
            "DTEND is not after DTSTART",
        ),
        (
            &[start, "DURATION:PT9H", FLAGGED],
            5,
            "DURATION is no number of days or weeks",
        ),
        (&["DTSTART:20261224T110000Z", FLAGGED], 4, ambiguous),
        (
            &[
                "DTSTART:20261224T230000Z",
                FLAGGED,
                "RRULE:FREQ=YEARLY;BYMONTHDAY=24",
            ],
            6,
            "the rule counts days in UTC, which are not those of the event",
        ),
        (&[start, FLAGGED, "EXDATE:20261224T101500Z"], 6, ambiguous),
    ];
    for (event, line, reason) in cases {
        assert_eq!(invalid_line_of(&file(event)), (*line, *reason), "{event:?}");
    }
}

#[test]
fn the_date_of_a_midnight_in_utc_follows_from_the_side_of_the_zone() {
    let event: &[&str] = &[
        "DTSTART:20261224T110000Z",
        "DTEND:20261225T110000Z",
        FLAGGED,
    ];
    assert_eq!(dates_of(&zoned("+1300", &[event])), "2026-12-25");
    assert_eq!(dates_of(&zoned("-1100", &[event])), "2026-12-24");
    // Outside these two hours, only one side has midnight in inhabited zones.
    for (time, date) in [("T050000Z", "2026-12-24"), ("T130000Z", "2026-12-25")] {
        let start = format!("DTSTART:20261224{time}");
        assert_eq!(dates_of(&file(&[&start, FLAGGED])), date);
    }
    // If there are zones on both sides, the date remains ambiguous.
    let text = zoned("-1100", &[event]);
    let other = "BEGIN:VTIMEZONE\r\nTZID:Other\r\nBEGIN:DAYLIGHT\r\nTZOFFSETTO:+1300\r\n\
         END:DAYLIGHT\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT";
    let (line, _) = invalid_line_of(&text.replacen("BEGIN:VEVENT", other, 1));
    assert_eq!(line, 16);
}

/// Exchange writes a series with times of day, and `UNTIL` in UTC.
#[test]
fn midnights_may_recur() {
    let zone = "TZID=Zone Standard Time";
    let (start, end) = (
        format!("DTSTART;{zone}:20201225T000000"),
        format!("DTEND;{zone}:20201226T000000"),
    );
    let cases = [
        ("+0100", "20301224T230000Z"),
        ("+0100", "20301225T225959Z"),
        ("-0500", "20301225T050000Z"),
        ("-1000", "20301225T100000Z"),
        ("+1300", "20301224T110000Z"),
        ("+0000", "20301225T000000Z"),
        ("+0100", "20301225"),
        ("+0100", "20301225T000000"),
    ];
    for (offset, until) in cases {
        let rule = format!("RRULE:FREQ=YEARLY;UNTIL={until};BYMONTHDAY=25;BYMONTH=12");
        let excluded = format!("EXDATE;{zone}:20271225T000000,20271224T000000");
        let series: &[&str] = &["UID:1", &start, &end, &rule, &excluded, FLAGGED];
        let replaced = format!("RECURRENCE-ID;{zone}:20281225T000000");
        let moved: &[&str] = &[
            "UID:1",
            &replaced,
            "DTSTART:20281227T000000",
            "DTEND:20281228T000000",
            FLAGGED,
        ];
        let dates = "2025-12-25 2026-12-25 2028-12-27 2029-12-25 2030-12-25";
        assert_eq!(dates_of(&zoned(offset, &[series, moved])), dates, "{until}");
    }
    // Older versions write exceptions in UTC as well.
    let rule = "RRULE:FREQ=YEARLY;COUNT=9";
    let excluded = "EXDATE:20261224T230000Z,20271224T220000Z";
    let series: &[&str] = &["UID:1", &start, &end, rule, excluded];
    let cancelled: &[&str] = &[
        "UID:1",
        "RECURRENCE-ID:20281224T230000Z",
        "DTSTART:20281224T230000Z",
        "STATUS:CANCELLED",
    ];
    let text = zoned("+0100", &[series, cancelled]);
    assert_eq!(dates_of(&text), "2025-12-25");
    assert_eq!(counts_of(&text), (1, 0, 1));
}

#[test]
fn trailing_blanks_are_ignored() {
    let text = calendar(&[
        &[
            "DTSTART;VALUE=DATE:20261225 ",
            "DTEND;VALUE=DATE:20261227\t ",
            "RRULE:FREQ=YEARLY;UNTIL=20281225 ;INTERVAL=1 ",
            "EXDATE;VALUE=DATE:20271225 ,20291225 ",
            "RDATE:20300101 ",
        ],
        &["DTSTART:20260101  ", "DURATION:P1D ", "STATUS:CANCELLED "],
        &["DTSTART:20260101T000000 ", "DTEND:20260102T000000 "],
    ]);
    let text = text.replace("END:VEVENT", "END:VEVENT ");
    let dates = "2026-01-01 2026-12-25 2026-12-26 2028-12-25 2028-12-26 2030-01-01 2030-01-02";
    assert_eq!(dates_of(&text), dates);
}

#[test]
fn dates_are_sorted_and_unique() {
    let text = calendar(&[
        &["DTSTART;VALUE=DATE:99991231"],
        &["dtstart;value=date:20261224", "DURATION:P1W"],
        &["DTSTART:20261225"],
        &["DTSTART;VALUE=DATE:00010101"],
        &["DTSTART;VALUE=DATE:20261230", "DTEND;VALUE=DATE:20270102"],
    ]);
    let week = "2026-12-24 2026-12-25 2026-12-26 2026-12-27 2026-12-28 2026-12-29";
    let later = "2026-12-30 2026-12-31 2027-01-01 9999-12-31";
    assert_eq!(dates_of(&text), format!("0001-01-01 {week} {later}"));
    assert_eq!(dates_of(&calendar(&[])), "");
    assert_eq!(dates_of("begin:vcalendar\nend:Vcalendar"), "");
    assert_eq!(dates_of(&calendar(&[]).repeat(2)), "");
}

#[test]
fn times_of_day_and_cancelled_events_are_counted_but_give_no_date() {
    let text = calendar(&[
        &["DTSTART:20261224T000000", "DTEND:20261225T003000"],
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
    assert_eq!(dates_of(&text), "");
    assert_eq!(counts_of(&text), (0, 3, 1));
    let past = rule("20000101", "FREQ=YEARLY;UNTIL=20201231");
    assert_eq!(
        (dates_of(&past).as_str(), counts_of(&past)),
        ("", (1, 0, 0))
    );
}

/// `DTSTART`, the rule and its dates.
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
    // The bounds of the window: one year ago, inclusive, and in ten years, exclusive.
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
fn rules_are_expanded() {
    for (start, text, dates) in RULES {
        assert_eq!(dates_of(&rule(start, text)), *dates, "{text}");
    }
}

#[test]
fn each_occurrence_lasts_as_long_as_its_event() {
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
    assert_eq!(dates_of(&text), dates);
}

#[test]
fn the_first_day_can_be_excluded() {
    let text = file(&["DTSTART;VALUE=DATE:20261231", "EXDATE;VALUE=DATE:20261231"]);
    assert_eq!(dates_of(&text), "");
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
    let of_other_series: &[&str] = &[
        "UID:other",
        "RECURRENCE-ID;VALUE=DATE:20301226",
        "DTSTART;VALUE=DATE:20211224",
    ];
    let text = calendar(&[series, moved, cancelled, timed, long_ago, of_other_series]);
    let dates = "2021-12-24 2025-12-26 2026-12-26 2027-12-28 2030-12-26";
    assert_eq!(dates_of(&text), dates);
    // An override may precede its series.
    let text = calendar(&[moved, series, cancelled, timed, of_other_series, long_ago]);
    assert_eq!(dates_of(&text), dates);
}

#[test]
fn folds_may_split_names_dates_and_characters() {
    let text = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTST\r\n ART;VALUE=DATE:2026\r\n\t1225\r\n\
        RRULE:FREQ=YEAR\n LY;COU\r\n NT=1\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    assert_eq!(dates_of(text), "2026-12-25");
    let mut bytes = b"BEGIN:VCALENDAR\nSUMMARY:\xC3\n \xA4\n".to_vec();
    bytes.extend_from_slice(b"END:VCALENDAR\n");
    assert_eq!(read(&bytes, TODAY).map(|file| file.dates), Ok(vec![]));
}

#[test]
fn a_folded_line_is_reported_by_its_first_physical_line() {
    let text = "BEGIN:VCALENDAR\r\n\r\nX-A:1\r\n 2\r\n 3\r\nX-B\r\n C\r\nEND:VCALENDAR\r\n";
    assert_eq!(invalid_line_of(text), (6, "not a line of iCalendar"));
}

#[test]
fn a_broken_structure_is_reported_by_line() {
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
        assert_eq!(invalid_line_of(text), (line, reason), "{text:?}");
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
            invalid_line_of(&file(&[line])),
            (4, "not a line of iCalendar"),
            "{line}"
        );
    }
    let bytes = b"BEGIN:VCALENDAR\nX:\xFF\nEND:VCALENDAR\n";
    let (line, reason) = (2, "not UTF-8");
    let invalid = InvalidLine { line, reason };
    assert_eq!(
        read(bytes, TODAY),
        Err(HolidayFileError::InvalidLine(invalid))
    );
}

#[test]
fn invalid_properties_are_reported_by_line() {
    let start = "DTSTART;VALUE=DATE:20261225";
    let not_days = "DURATION is no number of days or weeks";
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
        ("DURATION:PT24H", not_days),
        ("DURATION:P1DT1H", not_days),
        ("DURATION:-P1D", not_days),
        ("DURATION:P0D", not_days),
        ("DURATION:PD", not_days),
        ("DURATION:P+1D", not_days),
        ("DURATION:P99999999999D", not_days),
        ("DURATION:P999999999W", not_days),
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
        assert_eq!(
            invalid_line_of(&file(&[start, line])),
            (5, *reason),
            "{line}"
        );
    }
}

#[test]
fn contradictory_properties_are_reported_by_line() {
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
        assert_eq!(invalid_line_of(&text), (*line, *reason), "{lines:?}");
    }
}

#[test]
fn invalid_dates_are_reported_by_line() {
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
        assert_eq!(invalid_line_of(&text), (4, "not a date"), "{value}");
    }
    let text = file(&["DTSTART;VALUE=DATE-TIME:20261225"]);
    assert_eq!(invalid_line_of(&text), (4, mistyped));
}

const OUT_OF_RANGE: &str = "a number of the rule is out of range";
const REPEATED: &str = "a part of the rule is given twice";
const EMPTY_OR_SPACES: &str = "a part of the rule has an empty value or spaces";
const NOT_WITH_FREQ: &str = "a part of the rule does not go with its FREQ";
const WITHIN_A_DAY: &str = "an all-day event cannot repeat within a day";
const TOO_MANY_DATES: &str = "the rule gives more dates than a calendar may have";

/// Rules, and the reasons for which they are refused.
const INVALID_RULES: &[(&str, &str)] = &[
    ("", "a part of the rule has no value"),
    ("FREQ=YEARLY;", "a part of the rule has no value"),
    ("FREQ=YEARLY;BYEASTER=0", "a part of the rule is unknown"),
    ("FREQ=YEARLY;freq=DAILY", REPEATED),
    ("FREQ=YEARLY;BYMONTH=1,,2", EMPTY_OR_SPACES),
    ("FREQ=YEARLY;BYMONTH=1, 2", EMPTY_OR_SPACES),
    ("FREQ=FORTNIGHTLY", "FREQ of the rule is unknown"),
    ("INTERVAL=2", "the rule has no FREQ"),
    ("FREQ=SECONDLY", WITHIN_A_DAY),
    ("FREQ=MINUTELY;COUNT=1", WITHIN_A_DAY),
    ("FREQ=HOURLY;INTERVAL=24", WITHIN_A_DAY),
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
    ("FREQ=YEARLY;BYMONTH=13", OUT_OF_RANGE),
    ("FREQ=YEARLY;BYMONTHDAY=0", OUT_OF_RANGE),
    ("FREQ=YEARLY;BYYEARDAY=367", OUT_OF_RANGE),
    ("FREQ=YEARLY;BYWEEKNO=54", OUT_OF_RANGE),
    ("FREQ=YEARLY;BYDAY=0MO", OUT_OF_RANGE),
    ("FREQ=YEARLY;BYDAY=54MO", OUT_OF_RANGE),
    ("FREQ=YEARLY;BYDAY=é", "the rule names an unknown weekday"),
    (
        "FREQ=YEARLY;BYDAY=xMO",
        "a number of the rule cannot be read",
    ),
    ("FREQ=YEARLY;WKST=XX", "the rule names an unknown weekday"),
    ("FREQ=WEEKLY;BYMONTHDAY=1", NOT_WITH_FREQ),
    ("FREQ=WEEKLY;BYDAY=1MO", NOT_WITH_FREQ),
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
    ("FREQ=DAILY", TOO_MANY_DATES),
    ("FREQ=WEEKLY;BYDAY=SA,SU", TOO_MANY_DATES),
];

#[test]
fn invalid_rules_are_reported_by_line() {
    for (text, reason) in INVALID_RULES {
        assert_eq!(
            invalid_line_of(&rule("20261225", text)),
            (5, *reason),
            "{text}"
        );
    }
}

#[test]
fn more_than_a_thousand_dates_are_too_many() {
    let days = |days: usize| {
        let more = format!("DURATION:P{days}D");
        file(&["DTSTART;VALUE=DATE:20260101", &more])
    };
    assert_eq!(
        read_text(&days(MAX_HOLIDAYS)).map(|file| file.dates.len()),
        Ok(1_000)
    );
    assert_eq!(
        read_text(&days(MAX_HOLIDAYS + 1)),
        Err(HolidayFileError::TooManyDates)
    );
    let forever = ["DTSTART;VALUE=DATE:00010101", "DTEND;VALUE=DATE:99991231"];
    assert_eq!(
        read_text(&file(&forever)),
        Err(HolidayFileError::TooManyDates)
    );
    // Many events on the same thousand dates are not.
    let event = ["DTSTART;VALUE=DATE:20260101", "DURATION:P1000D"];
    let text = calendar(&vec![event.as_slice(); 1_000]);
    assert_eq!(read_text(&text).map(|file| file.dates.len()), Ok(1_000));
}

/// `1,-1,2,-2` and so on.
fn numbers(max: i32) -> String {
    let numbers = (1..=max).map(|number| format!("{number},-{number}"));
    numbers.collect::<Vec<_>>().join(",")
}

#[test]
fn hostile_rules_take_a_bounded_number_of_steps() {
    let rules = [
        format!("FREQ=DAILY;BYMONTHDAY=1;BYSETPOS={}", numbers(366)),
        format!("FREQ=YEARLY;BYYEARDAY={};BYSETPOS=366", numbers(366)),
        format!(
            "FREQ=YEARLY;COUNT=99;BYDAY=SA;BYMONTHDAY=31;BYYEARDAY=1;BYSETPOS={}",
            numbers(99)
        ),
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=300".to_owned(),
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30".to_owned(),
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30".to_owned(),
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=1".to_owned(),
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
            let text = rule(start, &text);
            assert!(is_bounded(&text), "{text}");
            let dates = read_text(&text).map_or(0, |file| file.dates.len());
            assert!(dates <= MAX_HOLIDAYS, "{text}");
        }
    }
}

#[test]
fn hostile_files_take_a_bounded_number_of_steps() {
    let too_long = "the rules up to this one take too long to expand";
    let event = [
        "DTSTART;VALUE=DATE:20260101",
        "RRULE:FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO,TU",
    ];
    let text = calendar(&vec![event.as_slice(); 3_200]);
    let (line, reason) = invalid_line_of(&text);
    assert_eq!(reason, too_long);
    // A thousand rules fit, and the dates of more would not fit into a calendar.
    assert!(line > 4 * 1_000, "{line}");
    assert!(is_bounded(&text));
    // A rule with a count since the year 1 takes too many steps on its own.
    let event = [
        "DTSTART;VALUE=DATE:00010101",
        "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=1",
    ];
    assert_eq!(invalid_line_of(&file(&event)), (5, too_long));
    // Without rules, every byte of a file is read once or twice.
    for text in [
        calendar(&vec![
            ["DTSTART:20260101", "EXDATE:20260101,20260102"]
                .as_slice();
            3_000
        ]),
        file(&[
            "DTSTART:20260101",
            &format!("RDATE:20260101{}", ",20260101".repeat(28_000)),
        ]),
    ] {
        assert!(is_bounded(&text));
    }
}

#[test]
fn a_hundred_yearly_holidays_can_be_counted_from_1900() {
    let text = |end: &str| {
        let rules: Vec<[String; 2]> = (0..100)
            .map(|n| {
                let (month, nth) = (n % 9 + 1, n % 4 + 1);
                let rule = match n % 2 {
                    0 => format!("RRULE:FREQ=YEARLY{end}"),
                    _ => format!("RRULE:FREQ=YEARLY;BYMONTH={month};BYDAY={nth}MO{end}"),
                };
                [
                    format!("DTSTART;VALUE=DATE:19000{month}{:02}", n % 28 + 1),
                    rule,
                ]
            })
            .collect();
        let events: Vec<Vec<&str>> = rules
            .iter()
            .map(|[start, rule]| vec![start.as_str(), rule])
            .collect();
        let events: Vec<&[&str]> = events.iter().map(Vec::as_slice).collect();
        calendar(&events)
    };
    let dates = read_text(&text("")).unwrap().dates;
    assert!(dates.len() > 600, "{}", dates.len());
    assert_eq!(read_text(&text(";COUNT=1000")).unwrap().dates, dates);
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
        assert!(matches!(
            read_text(&text),
            Err(HolidayFileError::InvalidLine(_))
        ));
        assert!(is_bounded(&text));
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
        "DTSTART;TZID=A:20261225T000000",
        "DTEND;TZID=A:20261226T000000 ",
        "DTSTART:20261224T110000Z",
        "DTEND:20261225T110000Z",
        "X-MICROSOFT-CDO-ALLDAYEVENT:TRUE",
        "BEGIN:VTIMEZONE\nTZID:A\nBEGIN:STANDARD\nTZOFFSETTO:+1300\nEND:STANDARD\nEND:VTIMEZONE",
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
    fn arbitrary_bytes_never_cause_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes, TODAY);
    }

    #[test]
    fn arbitrary_lines_never_cause_a_panic(
        lines in prop::collection::vec(fragment(), 0..16),
        year in -9999_i16..=9999,
    ) {
        let text = lines.join("\n");
        let today = date(year, 2, 28);
        let _ = read(text.as_bytes(), today);
        for file in [
            format!("BEGIN:VCALENDAR\n{text}\nEND:VCALENDAR\n"),
            calendar(&[&["DTSTART:20240229", &text]]),
        ] {
            if let Ok(file) = read(file.as_bytes(), today) {
                prop_assert!(file.dates.is_sorted_by(|one, next| one < next));
                prop_assert!(file.dates.len() <= MAX_HOLIDAYS);
            }
            prop_assert!(is_bounded(&file));
        }
    }
}
