//! The tickets of the simulation, and what is to be told about each, by plain arithmetic: every hour
//! counts, and a warning comes after 80 % of a target.

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// The targets, in minutes. A warning of the resolution comes with the breach of the first response,
/// and the last escalation of the first response with the breach of the resolution: two marks at once.
pub const FIRST_RESPONSE: i64 = 400;
pub const NEXT_RESPONSE: i64 = 20;
pub const RESOLUTION: i64 = 500;
/// The first team escalates a first response so many minutes after its breach: long after the end of
/// the storm, however slow the machine is, if the breach comes in the storm.
pub const ESCALATIONS: [i64; 3] = [30, 60, 100];

/// Marks come true up to so many milliseconds after the ticket is sent.
const MAX_AHEAD_MS: i64 = 8_000;

/// What a notice is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// The place of the team.
    pub team: usize,
    pub ticket: String,
    pub metric: String,
    pub cycle: u64,
    pub kind: String,
    pub at: Timestamp,
}

/// A ticket.
pub struct Ticket {
    pub team: usize,
    pub id: String,
    story: Story,
    created_at: Timestamp,
    /// When the customer wrote again, if that is part of the story.
    asked_at: Timestamp,
}

#[derive(Clone, Copy, PartialEq)]
enum Story {
    /// The first response is about to be late.
    Unanswered,
    /// The first response is late, and about to be escalated once more.
    Ignored,
    /// The second response is about to be late.
    AnsweredOnce,
    /// The first response is late, but a late event says that it was in time.
    Corrected,
}

const STORIES: [[Story; 3]; 2] = [
    [Story::Unanswered, Story::Ignored, Story::AnsweredOnce],
    [Story::Unanswered, Story::Corrected, Story::AnsweredOnce],
];

impl Ticket {
    /// A ticket that is about to be sent.
    pub fn draw(id: String, random: &mut Rng) -> Ticket {
        let team = random.usize(..STORIES.len());
        let story = STORIES[team][random.usize(..STORIES[team].len())];
        let mut soon = || {
            let ahead = SignedDuration::from_millis(random.i64(0..MAX_AHEAD_MS));
            Timestamp::now() + ahead
        };
        let age = match story {
            Story::Unanswered | Story::AnsweredOnce => FIRST_RESPONSE,
            Story::Ignored | Story::Corrected => RESOLUTION,
        };
        Ticket {
            team,
            id,
            story,
            created_at: soon() - SignedDuration::from_mins(age),
            asked_at: soon() - SignedDuration::from_mins(NEXT_RESPONSE),
        }
    }

    /// The request that creates it.
    pub fn body(&self) -> Value {
        let mut body = json!({"id": self.id, "priority": "urgent", "createdAt": self.created_at});
        if self.story == Story::AnsweredOnce {
            body["events"] = json!([
                {"id": "answer", "at": self.after(1), "type": "agent_reply"},
                {"id": "question", "at": self.asked_at, "type": "customer_reply"},
            ]);
        }
        body
    }

    /// The late event, and when it is sent: at the instant of a mark, when the sweep is busy with it.
    pub fn correction(&self) -> Option<(Timestamp, Value)> {
        let body = json!({"id": "late", "at": self.after(20), "type": "agent_reply"});
        (self.story == Story::Corrected).then_some((self.after(RESOLUTION), body))
    }

    /// Everything that is to be told about it, if it was recorded then.
    pub fn marks(&self, recorded_at: Timestamp) -> Vec<Mark> {
        let first_breach = self.after(FIRST_RESPONSE);
        let next_breach = self.asked_at + SignedDuration::from_mins(NEXT_RESPONSE);
        let warning = |metric, target: i64, breach: Timestamp| {
            let ahead = SignedDuration::from_secs(target * 12);
            (metric, "sla.warning", breach - ahead)
        };
        let first_warning = warning("firstResponse", FIRST_RESPONSE, first_breach);
        let next_warning = warning("nextResponse", NEXT_RESPONSE, next_breach);
        let last_breach = self.after(RESOLUTION);
        let last_warning = warning("resolution", RESOLUTION, last_breach);

        let mut marks = vec![last_warning];
        match self.story {
            Story::Unanswered => {
                marks.extend([
                    first_warning,
                    ("firstResponse", "sla.breached", first_breach),
                ]);
            }
            Story::Ignored => {
                marks.push(("firstResponse", "sla.breached", first_breach));
                let escalations = ESCALATIONS.map(|minutes| self.after(FIRST_RESPONSE + minutes));
                marks.extend(escalations.map(|at| ("firstResponse", "sla.escalated", at)));
                marks.push(("resolution", "sla.breached", last_breach));
            }
            Story::AnsweredOnce => {
                marks.extend([next_warning, ("nextResponse", "sla.breached", next_breach)]);
            }
            Story::Corrected => marks.extend([
                ("firstResponse", "sla.breached", first_breach),
                ("firstResponse", "sla.withdrawn", first_breach),
                ("resolution", "sla.breached", last_breach),
            ]),
        }
        // A cycle that is in breach when it is first seen is not warned of any more.
        let breaches = [
            ("firstResponse", first_breach),
            ("nextResponse", next_breach),
            ("resolution", last_breach),
        ];
        let is_vain = |metric: &str, kind: &str| {
            let breach = breaches.iter().find(|(of, _)| *of == metric);
            kind == "sla.warning" && breach.is_some_and(|(_, breach)| *breach < recorded_at)
        };
        marks.retain(|(metric, kind, _)| !is_vain(metric, kind));
        let marks = marks.into_iter().map(|(metric, kind, at)| Mark {
            team: self.team,
            ticket: self.id.clone(),
            metric: metric.to_owned(),
            cycle: 1,
            kind: kind.to_owned(),
            at,
        });
        marks.collect()
    }

    /// So many minutes after its creation.
    fn after(&self, minutes: i64) -> Timestamp {
        self.created_at + SignedDuration::from_mins(minutes)
    }
}
