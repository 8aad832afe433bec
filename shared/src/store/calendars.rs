//! A team's calendars, and which of them is the default one.
//!
//! A calendar is a head, which changes, and openings, which do not: each version of its hours,
//! holidays and exceptions is an item of its own, written in the transaction that brings it about,
//! and kept when the calendar is deleted, since tickets and records refer to it. A list reads the
//! heads alone.
//!
//! The default is stored twice: as a flag on the calendar, which is what clients see, and as a
//! pointer to it, which is what is looked up. Both move in one transaction, so there is never more
//! than one. A calendar also counts the rules that name it: it can be deleted only when there are
//! none, whoever writes at the same time.

mod encoding;

use aws_sdk_dynamodb::types::builders::{PutBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use futures_util::future::join;
use serde::{Deserialize, Serialize};

use crate::domain::calendar::CalendarDraft;
use crate::domain::id::CalendarId;
use crate::domain::team_calendar::{
    CalendarSummary, Draft, MAX_CALENDARS, MAX_OPENING_BYTES, TeamCalendar,
};
use crate::domain::text::Name;
use crate::domain::version::Version;
use crate::problem::{Problem, Resource};
use crate::store::idempotency::{Record, Written};
use crate::store::transaction::{self, Transaction, VERSION};
use crate::store::{Item, Store, key, malformed, problem, string};

/// The calendars of one team and mode, to be read.
#[derive(Clone, Debug)]
pub struct Calendars {
    store: Store,
    pk: String,
}

/// The calendars of one team and mode, to be changed.
#[derive(Clone, Debug)]
pub struct CalendarWriter {
    store: Store,
    pk: String,
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
    "openingVersion",
];

/// A calendar as it was at some time: what the record of a request keeps of it.
#[derive(Clone, Debug)]
pub struct CalendarSnapshot {
    pub(super) partition: String,
    pub(super) id: CalendarId,
    pub(super) name: Name,
    pub(super) is_default: bool,
    pub(super) opening_version: Version,
}

/// What a list shows of a calendar, and what changes of it. A hundred of them are read at once, so
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
    /// The version of the calendar that brought its present opening about.
    opening_version: Version,
    /// Rules that name it.
    #[serde(default)]
    uses: u32,
    write_id: String,
}

/// The hours, holidays and exceptions of one version of a calendar. Never changes.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OpeningItem {
    pk: String,
    sk: String,
    version: Version,
    #[serde(with = "serde_bytes")]
    opening: Vec<u8>,
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

/// When a calendar is open, and by which of its versions.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The version of the calendar that brought it about.
    pub version: Version,
    /// When it is open.
    pub draft: CalendarDraft,
}

impl Calendars {
    pub(super) fn new(store: Store, pk: String) -> Calendars {
        Calendars { store, pk }
    }

    /// All calendars, oldest first: at most [`MAX_CALENDARS`], without holidays and exceptions.
    pub async fn list(&self) -> Result<Vec<CalendarSummary>, Problem> {
        let items: Vec<HeadItem> = self.store.all(&self.pk, key::CALENDARS).await?;
        items.into_iter().map(HeadItem::into_summary).collect()
    }

    /// The calendar of this id, as a caller wrote it.
    pub async fn find(&self, id: &str) -> Result<TeamCalendar, Problem> {
        let unknown = || Problem::NotFound {
            resource: Resource::Calendar,
            id: id.to_owned(),
        };
        let id = CalendarId::parse(id).ok_or_else(unknown)?;
        self.get(&id).await?.ok_or_else(unknown)
    }

    /// The calendar of this id, and which one is the default: what a change starts from.
    pub async fn find_with_default(
        &self,
        id: &str,
    ) -> Result<(TeamCalendar, Option<CalendarId>), Problem> {
        let (found, default) = join(self.find(id), self.default_id()).await;
        Ok((found?, default?))
    }

    /// A calendar; `None` if there is none of this id.
    ///
    /// Head and opening are read side by side. If a change comes in between, the opening that the
    /// head names is read once more.
    pub async fn get(&self, id: &CalendarId) -> Result<Option<TeamCalendar>, Problem> {
        let sk = key::calendar(id);
        let (head, opening) = join(self.store.get(&self.pk, &sk), self.opening(id)).await;
        let Some(head) = head? else {
            return Ok(None);
        };
        let head: HeadItem = serde_dynamo::from_item(head).map_err(malformed)?;
        let opening = match opening? {
            Some(opening) if opening.version == head.opening_version => opening.draft,
            _ => {
                self.store
                    .opening_at(&self.pk, id, head.opening_version)
                    .await?
            }
        };
        Ok(Some(head.into_calendar(opening)))
    }

    /// The newest opening of a calendar, be the calendar there or deleted; `None` if there never
    /// was a calendar of this id.
    pub async fn opening(&self, id: &CalendarId) -> Result<Option<Opening>, Problem> {
        let query = self
            .store
            .table
            .client
            .query()
            .table_name(&self.store.table.name);
        let newest = query
            .key_condition_expression("#pk = :pk AND begins_with(#sk, :prefix)")
            .expression_attribute_names("#pk", key::PK)
            .expression_attribute_names("#sk", key::SK)
            .expression_attribute_values(":pk", string(&self.pk))
            .expression_attribute_values(":prefix", string(&key::openings(id)))
            .scan_index_forward(false)
            .limit(1)
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(problem)?;
        self.store.count(newest.consumed_capacity());
        let newest = newest.items.unwrap_or_default().pop();
        newest.map(opening).transpose()
    }

    /// Which calendar is the default one, if any is.
    pub async fn default_id(&self) -> Result<Option<CalendarId>, Problem> {
        let Some(item) = self.store.get(&self.pk, key::DEFAULT_CALENDAR).await? else {
            return Ok(None);
        };
        let item: PointerItem = serde_dynamo::from_item(item).map_err(malformed)?;
        Ok(Some(item.calendar))
    }
}

impl CalendarWriter {
    pub(super) fn new(store: Store, pk: String) -> CalendarWriter {
        CalendarWriter { store, pk }
    }

    /// What the record of a request keeps of this calendar.
    pub fn snapshot(&self, calendar: &TeamCalendar) -> CalendarSnapshot {
        CalendarSnapshot {
            partition: self.pk.clone(),
            id: calendar.id.clone(),
            name: calendar.draft.name.clone(),
            is_default: calendar.draft.is_default,
            opening_version: calendar.opening_version,
        }
    }

    /// Adds a calendar, unless there are [`MAX_CALENDARS`] already, and records the request.
    /// [`Problem::Overtaken`] if another one than `current_default` is the default by now.
    pub async fn insert(
        &self,
        calendar: &TeamCalendar,
        current_default: Option<&CalendarId>,
        record: Option<Record>,
    ) -> Result<Written, Problem> {
        check_size(&calendar.draft.opening)?;
        let mut transaction = self.store.transaction();
        let head = self.head(calendar, transaction.write_id())?;
        transaction.put_new(&head, || {
            Problem::Internal("a new calendar's id is in use".into())
        })?;
        self.put_opening(&mut transaction, calendar)?;
        transaction.one_more(&self.pk, key::CALENDAR_COUNT, MAX_CALENDARS, || {
            Problem::LimitExceeded {
                resource: Resource::Calendar,
                max: MAX_CALENDARS,
            }
        })?;
        if calendar.draft.is_default {
            self.point_at(&mut transaction, &calendar.id, current_default)?;
        }
        transaction.commit_once(record).await
    }

    /// Writes a calendar over the one it was, and records the request.
    /// [`Problem::Overtaken`] if it is no longer the one it was, or another one than
    /// `current_default` is the default by now.
    pub async fn update(
        &self,
        calendar: &TeamCalendar,
        current: &TeamCalendar,
        current_default: Option<&CalendarId>,
        record: Option<Record>,
    ) -> Result<Written, Problem> {
        check_size(&calendar.draft.opening)?;
        let mut transaction = self.store.transaction();
        self.overwrite(&mut transaction, calendar, current.version)?;
        if calendar.opening_version != current.opening_version {
            self.put_opening(&mut transaction, calendar)?;
        }
        match (current.draft.is_default, calendar.draft.is_default) {
            (false, true) => self.point_at(&mut transaction, &calendar.id, current_default)?,
            (true, false) => self.point_nowhere(&mut transaction, &calendar.id)?,
            _ => {}
        }
        transaction.commit_once(record).await
    }

    /// Deletes a calendar that no rule names. [`Problem::Overtaken`] if it is no longer so.
    pub async fn delete(&self, calendar: &TeamCalendar) -> Result<(), Problem> {
        let mut transaction = self.store.transaction();
        let delete = transaction::delete(&self.pk, &key::calendar(&calendar.id))
            .condition_expression("#version = :version AND #uses = :none")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_names("#uses", "uses")
            .expression_attribute_values(":version", number(calendar.version))
            .expression_attribute_values(":none", number(0));
        transaction.delete_if(delete, || Problem::Overtaken)?;
        transaction.one_less(&self.pk, key::CALENDAR_COUNT)?;
        if calendar.draft.is_default {
            self.point_nowhere(&mut transaction, &calendar.id)?;
        }
        transaction.commit().await
    }

    fn head(&self, calendar: &TeamCalendar, write_id: &str) -> Result<HeadItem, Problem> {
        let Draft {
            name,
            opening,
            is_default,
        } = &calendar.draft;
        Ok(HeadItem {
            pk: self.pk.clone(),
            sk: key::calendar(&calendar.id),
            id: calendar.id.clone(),
            name: name.clone(),
            is_default: *is_default,
            time_zone: opening.time_zone.clone(),
            hours: encoding::encode_hours(&opening.hours)?,
            holiday_count: opening.holidays.len(),
            exception_count: opening.exceptions.len(),
            version: calendar.version,
            opening_version: calendar.opening_version,
            uses: calendar.uses,
            write_id: write_id.to_owned(),
        })
    }

    fn put_opening(
        &self,
        transaction: &mut Transaction<'_>,
        calendar: &TeamCalendar,
    ) -> Result<(), Problem> {
        let item = OpeningItem {
            pk: self.pk.clone(),
            sk: key::opening(&calendar.id, calendar.opening_version),
            version: calendar.opening_version,
            opening: encoding::encode(&calendar.draft.opening)?,
            write_id: transaction.write_id().to_owned(),
        };
        // Whoever wrote this version first has overtaken us.
        transaction.put_new(&item, || Problem::Overtaken)
    }

    /// Rewrites what a change may touch. The rules that name the calendar are counted by others.
    fn overwrite(
        &self,
        transaction: &mut Transaction<'_>,
        calendar: &TeamCalendar,
        over: Version,
    ) -> Result<(), Problem> {
        let head = self.head(calendar, transaction.write_id())?;
        let item: Item = serde_dynamo::to_item(head).map_err(malformed)?;
        let mut update = transaction::update(&self.pk, &key::calendar(&calendar.id))
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
        transaction.update(update.update_expression(expression), || Problem::Overtaken)
    }

    /// Makes a calendar the default one in the place of another.
    fn point_at(
        &self,
        transaction: &mut Transaction<'_>,
        id: &CalendarId,
        current: Option<&CalendarId>,
    ) -> Result<(), Problem> {
        let pointer = PointerItem {
            pk: self.pk.clone(),
            sk: key::DEFAULT_CALENDAR.to_owned(),
            calendar: id.clone(),
            write_id: transaction.write_id().to_owned(),
        };
        let Some(current) = current else {
            return transaction.put_new(&pointer, || Problem::Overtaken);
        };
        let put: PutBuilder = transaction::put(&pointer)?
            .condition_expression("#calendar = :current")
            .expression_attribute_names("#calendar", "calendar")
            .expression_attribute_values(":current", string(current.as_str()));
        transaction.put(put, || Problem::Overtaken)?;
        let demote = transaction::update(&self.pk, &key::calendar(current))
            .update_expression("SET #default = :no, #write = :write ADD #version :one")
            .condition_expression("#default = :yes")
            .expression_attribute_names("#default", "isDefault")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_values(":no", AttributeValue::Bool(false))
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .expression_attribute_values(":one", number(1));
        transaction.update(demote, || Problem::Overtaken)
    }

    /// Leaves the team without a default calendar, if it is this one.
    fn point_nowhere(
        &self,
        transaction: &mut Transaction<'_>,
        id: &CalendarId,
    ) -> Result<(), Problem> {
        let delete = transaction::delete(&self.pk, key::DEFAULT_CALENDAR)
            .condition_expression("#calendar = :current")
            .expression_attribute_names("#calendar", "calendar")
            .expression_attribute_values(":current", string(id.as_str()));
        transaction.delete_if(delete, || Problem::Overtaken)
    }
}

impl Store {
    /// A calendar as it was at some time.
    pub(super) async fn calendar_at(
        &self,
        snapshot: &CalendarSnapshot,
    ) -> Result<TeamCalendar, Problem> {
        let CalendarSnapshot {
            partition,
            id,
            name,
            is_default,
            opening_version,
        } = snapshot;
        let opening = self.opening_at(partition, id, *opening_version).await?;
        Ok(TeamCalendar {
            id: id.clone(),
            draft: Draft {
                name: name.clone(),
                opening,
                is_default: *is_default,
            },
            version: *opening_version,
            opening_version: *opening_version,
            uses: 0,
        })
    }

    async fn opening_at(
        &self,
        pk: &str,
        id: &CalendarId,
        version: Version,
    ) -> Result<CalendarDraft, Problem> {
        let item = self.get(pk, &key::opening(id, version)).await?;
        let missing = || Problem::Internal("a calendar's opening is missing".into());
        opening(item.ok_or_else(missing)?).map(|opening| opening.draft)
    }
}

impl Transaction<'_> {
    /// One more rule names a calendar, which must be there.
    pub(super) fn add_calendar_reference(
        &mut self,
        pk: &str,
        id: &CalendarId,
    ) -> Result<(), Problem> {
        self.update(references(pk, id, 1), Problem::unknown_calendar)
    }

    /// One rule less names a calendar.
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
    fn into_calendar(self, opening: CalendarDraft) -> TeamCalendar {
        TeamCalendar {
            id: self.id,
            draft: Draft {
                name: self.name,
                opening,
                is_default: self.is_default,
            },
            version: self.version,
            opening_version: self.opening_version,
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

fn opening(item: Item) -> Result<Opening, Problem> {
    let item: OpeningItem = serde_dynamo::from_item(item).map_err(malformed)?;
    Ok(Opening {
        version: item.version,
        draft: encoding::decode(&item.opening)?,
    })
}

fn check_size(opening: &CalendarDraft) -> Result<(), Problem> {
    let json = serde_json::to_vec(opening).map_err(|error| Problem::Internal(Box::new(error)))?;
    if json.len() > MAX_OPENING_BYTES {
        return Err(Problem::CalendarTooLarge {
            max: MAX_OPENING_BYTES,
        });
    }
    Ok(())
}

fn number(number: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
