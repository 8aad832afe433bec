//! A team's calendars, and which of them is the default one.
//!
//! A calendar has a head, which changes, and schedules, which do not: each version of its hours,
//! holidays and exceptions is an item of its own. It is written in the transaction that introduces
//! it, and stays when the calendar is deleted, since tickets and records refer to it. A list reads
//! only the heads.
//!
//! The default is stored twice: as a flag on the calendar, which clients see, and as a pointer to
//! the calendar, which is looked up. Both change in one transaction, so there is at most one
//! default. A calendar also counts the rules that name it, and can be deleted only when there are
//! none, even if a rule is written at the same time.

pub(super) mod cache;
mod encoding;

use std::sync::Arc;

use aws_sdk_dynamodb::types::builders::{PutBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use futures_util::future::join;
use serde::{Deserialize, Serialize};

use crate::domain::calendar::{Calendar, Schedule};
use crate::domain::id::CalendarId;
use crate::domain::team_calendar::{
    CalendarDraft, CalendarSummary, MAX_CALENDARS, MAX_SCHEDULE_BYTES, TeamCalendar,
};
use crate::domain::text::Name;
use crate::domain::version::Version;
use crate::problem::{Problem, Resource, TeamProblem};
use crate::reply;
use crate::store::idempotency::{Recording, Written};
use crate::store::team::{ReadWrite, TeamStore};
use crate::store::transaction::{self, Transaction, VERSION};
use crate::store::{Item, Store, key, malformed, problem, string};

/// The calendars of one team and mode.
#[derive(Clone, Debug)]
pub struct Calendars<Rights> {
    team: TeamStore<Rights>,
}

/// The members of a head that a change rewrites.
const CHANGEABLE: [&str; 8] = [
    "name",
    "isDefault",
    "timeZone",
    "hours",
    "holidayCount",
    "exceptionCount",
    VERSION,
    "scheduleVersion",
];

/// A calendar at one point in time: what the record of a request stores of it.
#[derive(Clone, Debug)]
pub struct CalendarSnapshot {
    pub(super) partition: String,
    pub(super) id: CalendarId,
    pub(super) name: Name,
    pub(super) is_default: bool,
    pub(super) schedule_version: Version,
}

/// The part of a calendar that a list shows and that changes. A hundred of them are read at once, so
/// they are small.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeadItem {
    pk: String,
    sk: String,
    id: CalendarId,
    name: Name,
    is_default: bool,
    time_zone: String,
    #[serde(with = "serde_bytes")]
    hours: Vec<u8>,
    holiday_count: usize,
    exception_count: usize,
    version: Version,
    /// The version of the calendar that introduced its current schedule.
    schedule_version: Version,
    /// The number of rules that name it.
    #[serde(default)]
    uses: u32,
    write_id: String,
}

/// The hours, holidays and exceptions of one version of a calendar. It never changes.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScheduleItem {
    pk: String,
    sk: String,
    version: Version,
    #[serde(with = "serde_bytes")]
    schedule: Vec<u8>,
    write_id: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PointerItem {
    pk: String,
    sk: String,
    calendar: CalendarId,
    write_id: String,
}

/// A schedule of a calendar.
#[derive(Clone, Debug)]
pub struct StoredSchedule {
    /// The version of the calendar that introduced it.
    pub version: Version,
    /// The schedule.
    pub schedule: Schedule,
}

impl<Rights> Calendars<Rights> {
    pub(super) fn new(team: TeamStore<Rights>) -> Calendars<Rights> {
        Calendars { team }
    }

    /// All calendars, oldest first: at most [`MAX_CALENDARS`], without holidays and exceptions.
    pub async fn list(&self) -> Result<Vec<CalendarSummary>, Problem> {
        let items: Vec<HeadItem> = self.team.store.all(&self.team.pk, key::CALENDARS).await?;
        items.into_iter().map(HeadItem::into_summary).collect()
    }

    /// The calendar with this id, as the client gave it.
    pub async fn find(&self, id: &str) -> Result<TeamCalendar, Problem> {
        let unknown = || Problem::NotFound {
            resource: Resource::Calendar,
            id: id.to_owned(),
        };
        let id = CalendarId::parse(id).ok_or_else(unknown)?;
        self.get(&id).await?.ok_or_else(unknown)
    }

    /// The calendar with this id, and the id of the default calendar: what a change starts from.
    pub async fn find_with_default(
        &self,
        id: &str,
    ) -> Result<(TeamCalendar, Option<CalendarId>), Problem> {
        let (found, default) = join(self.find(id), self.default_id()).await;
        Ok((found?, default?))
    }

    /// The calendar with this id, if there is one.
    ///
    /// The head and the newest schedule are read at the same time. If a change comes in between, the
    /// schedule that the head names is read separately.
    pub async fn get(&self, id: &CalendarId) -> Result<Option<TeamCalendar>, Problem> {
        let sk = key::calendar(id);
        let (head, schedule) =
            join(self.team.store.get(&self.team.pk, &sk), self.schedule(id)).await;
        let Some(head) = head? else {
            return Ok(None);
        };
        let head: HeadItem = serde_dynamo::from_item(head).map_err(malformed)?;
        let schedule = match schedule? {
            Some(schedule) if schedule.version == head.schedule_version => schedule.schedule,
            _ => {
                self.team
                    .store
                    .schedule_at(&self.team.pk, id, head.schedule_version)
                    .await?
            }
        };
        Ok(Some(head.into_calendar(schedule)))
    }

    /// The newest schedule of a calendar, even if the calendar is deleted; `None` if there never was
    /// a calendar with this id.
    pub async fn schedule(&self, id: &CalendarId) -> Result<Option<StoredSchedule>, Problem> {
        let query = self
            .team
            .store
            .table
            .client
            .query()
            .table_name(&self.team.store.table.name);
        let newest = query
            .key_condition_expression("#pk = :pk AND begins_with(#sk, :prefix)")
            .expression_attribute_names("#pk", key::PK)
            .expression_attribute_names("#sk", key::SK)
            .expression_attribute_values(":pk", string(&self.team.pk))
            .expression_attribute_values(":prefix", string(&key::schedules(id)))
            .scan_index_forward(false)
            .limit(1)
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(problem)?;
        self.team.store.count(newest.consumed_capacity());
        let newest = newest.items.unwrap_or_default().pop();
        newest.map(schedule).transpose()
    }

    /// The id of the default calendar, if there is one.
    pub async fn default_id(&self) -> Result<Option<CalendarId>, Problem> {
        let Some(item) = self
            .team
            .store
            .get(&self.team.pk, key::DEFAULT_CALENDAR)
            .await?
        else {
            return Ok(None);
        };
        let item: PointerItem = serde_dynamo::from_item(item).map_err(malformed)?;
        Ok(Some(item.calendar))
    }
}

impl Calendars<ReadWrite> {
    /// What the record of a request stores of this calendar.
    fn snapshot(&self, calendar: &TeamCalendar) -> CalendarSnapshot {
        CalendarSnapshot {
            partition: self.team.pk.clone(),
            id: calendar.id.clone(),
            name: calendar.draft.name.clone(),
            is_default: calendar.draft.is_default,
            schedule_version: calendar.schedule_version,
        }
    }

    /// Adds a calendar and records the request, unless there are already [`MAX_CALENDARS`].
    /// [`Problem::WriteConflict`] if `current_default` is no longer the default.
    pub async fn insert(
        &self,
        calendar: &TeamCalendar,
        current_default: Option<&CalendarId>,
        recording: Recording,
    ) -> Result<Written, Problem> {
        check_size(&calendar.draft.schedule)?;
        let mut transaction = self.team.store.transaction();
        let head = self.head(calendar, transaction.write_id())?;
        transaction.put_new(&head, || {
            Problem::Internal("a new calendar's id is in use".into())
        })?;
        self.put_schedule(&mut transaction, calendar)?;
        transaction.increment(&self.team.pk, key::CALENDAR_COUNT, MAX_CALENDARS, || {
            Problem::LimitExceeded {
                resource: Resource::Calendar,
                max: MAX_CALENDARS,
            }
        })?;
        if calendar.draft.is_default {
            self.point_at(&mut transaction, &calendar.id, current_default)?;
        }
        transaction
            .commit_once(recording.of_calendar(self.snapshot(calendar)))
            .await
    }

    /// Replaces `current` and records the request.
    /// [`Problem::WriteConflict`] if the stored calendar has another version, or `current_default`
    /// is no longer the default.
    pub async fn update(
        &self,
        calendar: &TeamCalendar,
        current: &TeamCalendar,
        current_default: Option<&CalendarId>,
        recording: Recording,
    ) -> Result<Written, Problem> {
        check_size(&calendar.draft.schedule)?;
        let mut transaction = self.team.store.transaction();
        self.overwrite(&mut transaction, calendar, current.version)?;
        if calendar.schedule_version != current.schedule_version {
            self.put_schedule(&mut transaction, calendar)?;
        }
        match (current.draft.is_default, calendar.draft.is_default) {
            (false, true) => self.point_at(&mut transaction, &calendar.id, current_default)?,
            (true, false) => self.point_nowhere(&mut transaction, &calendar.id)?,
            _ => {}
        }
        transaction
            .commit_once(recording.of_calendar(self.snapshot(calendar)))
            .await
    }

    /// Deletes a calendar that no rule names. [`Problem::WriteConflict`] if the stored calendar has
    /// another version, or a rule names it.
    pub async fn delete(&self, calendar: &TeamCalendar) -> Result<(), Problem> {
        let mut transaction = self.team.store.transaction();
        let delete = transaction::delete(&self.team.pk, &key::calendar(&calendar.id))
            .condition_expression("#version = :version AND #uses = :none")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_names("#uses", "uses")
            .expression_attribute_values(":version", number(calendar.version))
            .expression_attribute_values(":none", number(0));
        transaction.delete_if(delete, || Problem::WriteConflict)?;
        transaction.decrement(&self.team.pk, key::CALENDAR_COUNT)?;
        if calendar.draft.is_default {
            self.point_nowhere(&mut transaction, &calendar.id)?;
        }
        transaction.commit().await
    }

    fn head(&self, calendar: &TeamCalendar, write_id: &str) -> Result<HeadItem, Problem> {
        let CalendarDraft {
            name,
            schedule,
            is_default,
        } = &calendar.draft;
        Ok(HeadItem {
            pk: self.team.pk.clone(),
            sk: key::calendar(&calendar.id),
            id: calendar.id.clone(),
            name: name.clone(),
            is_default: *is_default,
            time_zone: schedule.time_zone.clone(),
            hours: encoding::encode_hours(&schedule.hours)?,
            holiday_count: schedule.holidays.len(),
            exception_count: schedule.exceptions.len(),
            version: calendar.version,
            schedule_version: calendar.schedule_version,
            uses: calendar.uses,
            write_id: write_id.to_owned(),
        })
    }

    fn put_schedule(
        &self,
        transaction: &mut Transaction<'_>,
        calendar: &TeamCalendar,
    ) -> Result<(), Problem> {
        let item = ScheduleItem {
            pk: self.team.pk.clone(),
            sk: key::schedule(&calendar.id, calendar.schedule_version),
            version: calendar.schedule_version,
            schedule: encoding::encode(&calendar.draft.schedule)?,
            write_id: transaction.write_id().to_owned(),
        };
        // It exists if someone else has written this version.
        transaction.put_new(&item, || Problem::WriteConflict)
    }

    /// Replaces the members that a change affects, which leaves out the number of rules that name it.
    fn overwrite(
        &self,
        transaction: &mut Transaction<'_>,
        calendar: &TeamCalendar,
        over: Version,
    ) -> Result<(), Problem> {
        let head = self.head(calendar, transaction.write_id())?;
        let item: Item = serde_dynamo::to_item(head).map_err(malformed)?;
        let mut update = transaction::update(&self.team.pk, &key::calendar(&calendar.id))
            .condition_expression("#version = :over")
            .expression_attribute_values(":over", number(over));
        let mut expression = "SET #write = :write".to_owned();
        for member in CHANGEABLE {
            let value = item.get(member).cloned();
            let missing = || Problem::Internal(format!("a calendar has no {member}").into());
            expression.push_str(&format!(", #{member} = :{member}"));
            update = update
                .expression_attribute_names(format!("#{member}"), member)
                .expression_attribute_values(format!(":{member}"), value.ok_or_else(missing)?);
        }
        transaction.update(update.update_expression(expression), || {
            Problem::WriteConflict
        })
    }

    /// Makes a calendar the default, in place of the current one.
    fn point_at(
        &self,
        transaction: &mut Transaction<'_>,
        id: &CalendarId,
        current: Option<&CalendarId>,
    ) -> Result<(), Problem> {
        let pointer = PointerItem {
            pk: self.team.pk.clone(),
            sk: key::DEFAULT_CALENDAR.to_owned(),
            calendar: id.clone(),
            write_id: transaction.write_id().to_owned(),
        };
        let Some(current) = current else {
            return transaction.put_new(&pointer, || Problem::WriteConflict);
        };
        let put: PutBuilder = transaction::put(&pointer)?
            .condition_expression("#calendar = :current")
            .expression_attribute_names("#calendar", "calendar")
            .expression_attribute_values(":current", string(current.as_str()));
        transaction.put(put, || Problem::WriteConflict)?;
        let demote = transaction::update(&self.team.pk, &key::calendar(current))
            .update_expression("SET #default = :no, #write = :write ADD #version :one")
            .condition_expression("#default = :yes")
            .expression_attribute_names("#default", "isDefault")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_values(":no", AttributeValue::Bool(false))
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .expression_attribute_values(":one", number(1));
        transaction.update(demote, || Problem::WriteConflict)
    }

    /// Removes the default, if it is this calendar.
    fn point_nowhere(
        &self,
        transaction: &mut Transaction<'_>,
        id: &CalendarId,
    ) -> Result<(), Problem> {
        let delete = transaction::delete(&self.team.pk, key::DEFAULT_CALENDAR)
            .condition_expression("#calendar = :current")
            .expression_attribute_names("#calendar", "calendar")
            .expression_attribute_values(":current", string(id.as_str()));
        transaction.delete_if(delete, || Problem::WriteConflict)
    }
}

impl Store {
    /// A calendar as one of its versions, parsed: from memory, or else from the table.
    pub(super) async fn parsed_calendar(
        &self,
        pk: &str,
        id: &CalendarId,
        version: Version,
    ) -> Result<Arc<Calendar>, Problem> {
        let sk = key::schedule(id, version);
        if let Some(calendar) = self.table.calendars.get(pk, &sk) {
            return Ok(calendar);
        }
        let schedule = self.schedule_at(pk, id, version).await?;
        let invalid = |_| Problem::Internal("a stored calendar is not valid".into());
        let calendar = Arc::new(Calendar::parse(&schedule).map_err(invalid)?);
        self.table.calendars.insert(pk, &sk, Arc::clone(&calendar));
        Ok(calendar)
    }

    /// The calendar of a snapshot.
    pub(super) async fn calendar_at(
        &self,
        snapshot: &CalendarSnapshot,
    ) -> Result<TeamCalendar, Problem> {
        let CalendarSnapshot {
            partition,
            id,
            name,
            is_default,
            schedule_version,
        } = snapshot;
        let schedule = self.schedule_at(partition, id, *schedule_version).await?;
        Ok(TeamCalendar {
            id: id.clone(),
            draft: CalendarDraft {
                name: name.clone(),
                schedule,
                is_default: *is_default,
            },
            version: *schedule_version,
            schedule_version: *schedule_version,
            uses: 0,
        })
    }

    async fn schedule_at(
        &self,
        pk: &str,
        id: &CalendarId,
        version: Version,
    ) -> Result<Schedule, Problem> {
        let item = self.get(pk, &key::schedule(id, version)).await?;
        let missing = || Problem::Internal("a calendar's schedule is missing".into());
        schedule(item.ok_or_else(missing)?).map(|schedule| schedule.schedule)
    }
}

impl Transaction<'_> {
    /// Counts one more rule that names a calendar, which must exist.
    pub(super) fn add_calendar_reference(
        &mut self,
        pk: &str,
        id: &CalendarId,
    ) -> Result<(), Problem> {
        self.update(references(pk, id, 1), Problem::unknown_calendar)
    }

    /// Counts one rule less that names a calendar.
    pub(super) fn remove_calendar_reference(
        &mut self,
        pk: &str,
        id: &CalendarId,
    ) -> Result<(), Problem> {
        self.update(references(pk, id, -1), || {
            Problem::Internal("a calendar that a rule names is missing".into())
        })
    }
}

impl HeadItem {
    fn into_calendar(self, schedule: Schedule) -> TeamCalendar {
        TeamCalendar {
            id: self.id,
            draft: CalendarDraft {
                name: self.name,
                schedule,
                is_default: self.is_default,
            },
            version: self.version,
            schedule_version: self.schedule_version,
            uses: self.uses,
        }
    }

    fn into_summary(self) -> Result<CalendarSummary, Problem> {
        Ok(CalendarSummary {
            id: self.id,
            name: self.name,
            time_zone: self.time_zone,
            hours: encoding::decode_hours(&self.hours)?,
            holiday_count: self.holiday_count,
            exception_count: self.exception_count,
            is_default: self.is_default,
            version: self.version,
        })
    }
}

fn references(pk: &str, id: &CalendarId, more: i8) -> UpdateBuilder {
    transaction::update(pk, &key::calendar(id))
        .update_expression("ADD #uses :more SET #write = :write")
        .condition_expression("attribute_exists(#pk)")
        .expression_attribute_names("#pk", key::PK)
        .expression_attribute_names("#uses", "uses")
        .expression_attribute_values(":more", number(more))
}

fn schedule(item: Item) -> Result<StoredSchedule, Problem> {
    let item: ScheduleItem = serde_dynamo::from_item(item).map_err(malformed)?;
    Ok(StoredSchedule {
        version: item.version,
        schedule: encoding::decode(&item.schedule)?,
    })
}

/// Checks that a schedule is not larger than [`MAX_SCHEDULE_BYTES`]. Every write does it, too.
pub fn check_size(schedule: &Schedule) -> Result<(), Problem> {
    if reply::calendar::schedule_bytes(schedule)? > MAX_SCHEDULE_BYTES {
        return Err(Problem::Team(TeamProblem::CalendarTooLarge {
            max: MAX_SCHEDULE_BYTES,
        }));
    }
    Ok(())
}

fn number(number: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
