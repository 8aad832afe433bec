//! A team's calendars, and which of them is the default one.
//!
//! The default is told twice: by a flag on the calendar, which is what clients see, and by a
//! pointer that names it, which is what is looked up. Both move in one transaction, so there is
//! never more than one. A calendar also counts the rules that name it: it can be deleted only when
//! there are none, whoever writes at the same time.

use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use futures_util::future::join;
use serde::{Deserialize, Serialize};

use crate::domain::calendar::CalendarDraft;
use crate::domain::id::CalendarId;
use crate::domain::team_calendar::{Draft, MAX_CALENDARS, MAX_OPENING_BYTES, TeamCalendar};
use crate::domain::text::Name;
use crate::domain::version::Version;
use crate::problem::{Problem, Resource};
use crate::store::idempotency::{Record, Written};
use crate::store::transaction::{Transacted, VERSION, WRITE_ID};
use crate::store::{Store, key, malformed, string};

/// The calendars of one team and mode.
#[derive(Clone, Debug)]
pub struct Calendars {
    store: Store,
    pk: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CalendarItem {
    pk: String,
    sk: String,
    id: CalendarId,
    name: Name,
    is_default: bool,
    /// A [`CalendarDraft`] as JSON: a third of what DynamoDB's own maps and lists take.
    opening: String,
    version: Version,
    /// Rules that name it.
    #[serde(default)]
    uses: u32,
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

impl Calendars {
    pub(super) fn new(store: Store, pk: String) -> Calendars {
        Calendars { store, pk }
    }

    /// All calendars, oldest first: at most [`MAX_CALENDARS`].
    pub async fn list(&self) -> Result<Vec<TeamCalendar>, Problem> {
        let items: Vec<CalendarItem> = self.store.all(&self.pk, key::CALENDARS).await?;
        items.into_iter().map(CalendarItem::into_calendar).collect()
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
    pub async fn get(&self, id: &CalendarId) -> Result<Option<TeamCalendar>, Problem> {
        let Some(item) = self.store.get(&self.pk, &key::calendar(id)).await? else {
            return Ok(None);
        };
        let item: CalendarItem = serde_dynamo::from_item(item).map_err(malformed)?;
        item.into_calendar().map(Some)
    }

    /// Which calendar is the default one, if any is.
    pub async fn default_id(&self) -> Result<Option<CalendarId>, Problem> {
        let Some(item) = self.store.get(&self.pk, key::DEFAULT_CALENDAR).await? else {
            return Ok(None);
        };
        let item: PointerItem = serde_dynamo::from_item(item).map_err(malformed)?;
        Ok(Some(item.calendar))
    }

    /// Adds a calendar, unless there are [`MAX_CALENDARS`] already, and records the request.
    /// [`Problem::Overtaken`] if another one than `default_was` is the default by now.
    pub async fn insert(
        &self,
        calendar: &TeamCalendar,
        default_was: Option<&CalendarId>,
        record: Option<Record>,
    ) -> Result<Written, Problem> {
        let write_id = self.store.next_write_id();
        let item = CalendarItem {
            pk: self.pk.clone(),
            sk: key::calendar(&calendar.id),
            id: calendar.id.clone(),
            name: calendar.draft.name.clone(),
            is_default: calendar.draft.is_default,
            opening: opening(&calendar.draft)?,
            version: calendar.version,
            uses: 0,
            write_id: write_id.clone(),
        };
        let mut items = vec![
            self.store.put_new(&item)?,
            self.store
                .one_more(&self.pk, key::CALENDAR_COUNT, MAX_CALENDARS, &write_id)?,
        ];
        if calendar.draft.is_default {
            items.extend(self.point_at(&calendar.id, default_was, &write_id)?);
        }
        let refused = match self
            .store
            .transact_once(&write_id, items, record.as_ref())
            .await?
        {
            Ok(written) => return Ok(written),
            Err(refused) => refused,
        };
        match refused.as_slice() {
            [None, Some(_), ..] => Err(Problem::LimitExceeded {
                resource: Resource::Calendar,
                max: MAX_CALENDARS,
            }),
            [None, None, ..] => Err(Problem::Overtaken),
            _ => Err(Problem::Internal("a new calendar's id is taken".into())),
        }
    }

    /// Writes a calendar over the one it was, and records the request.
    /// [`Problem::Overtaken`] if it is no longer the one it was, or another one than `default_was`
    /// is the default by now.
    pub async fn update(
        &self,
        calendar: &TeamCalendar,
        was: &TeamCalendar,
        default_was: Option<&CalendarId>,
        record: Option<Record>,
    ) -> Result<Written, Problem> {
        let moves = calendar.draft.is_default && !was.draft.is_default;
        let write_id = self.store.next_write_id();
        let mut items = vec![self.overwrite(calendar, was.version, &write_id)?];
        if moves {
            items.extend(self.point_at(&calendar.id, default_was, &write_id)?);
        } else if was.draft.is_default && !calendar.draft.is_default {
            items.push(self.point_nowhere(&calendar.id)?);
        }
        match self
            .store
            .transact_once(&write_id, items, record.as_ref())
            .await?
        {
            Ok(written) => Ok(written),
            Err(_refused) => Err(Problem::Overtaken),
        }
    }

    /// Deletes a calendar that no rule names. [`Problem::Overtaken`] if it is no longer so.
    pub async fn delete(&self, calendar: &TeamCalendar) -> Result<(), Problem> {
        let write_id = self.store.next_write_id();
        let delete = Delete::builder()
            .table_name(&self.store.table.name)
            .key(key::PK, string(&self.pk))
            .key(key::SK, string(&key::calendar(&calendar.id)))
            .condition_expression("#version = :version AND #uses = :none")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_names("#uses", "uses")
            .expression_attribute_values(":version", number(calendar.version))
            .expression_attribute_values(":none", number(0))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build();
        let delete = delete.map_err(|error| Problem::Internal(Box::new(error)))?;
        let mut items = vec![
            TransactWriteItem::builder().delete(delete).build(),
            self.store
                .one_less(&self.pk, key::CALENDAR_COUNT, &write_id)?,
        ];
        if calendar.draft.is_default {
            items.push(self.point_nowhere(&calendar.id)?);
        }
        match self.store.transact(&write_id, items).await? {
            Transacted::Applied => Ok(()),
            Transacted::Refused(_) => Err(Problem::Overtaken),
        }
    }

    fn overwrite(
        &self,
        calendar: &TeamCalendar,
        over: Version,
        write_id: &str,
    ) -> Result<TransactWriteItem, Problem> {
        let Draft {
            name, is_default, ..
        } = &calendar.draft;
        let update = self
            .change(&calendar.id)
            .update_expression(
                "SET #name = :name, #default = :default, #opening = :opening, \
                 #version = :version, #write = :write",
            )
            .condition_expression("#version = :over")
            .expression_attribute_names("#name", "name")
            .expression_attribute_names("#default", "isDefault")
            .expression_attribute_names("#opening", "opening")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_names("#write", WRITE_ID)
            .expression_attribute_values(":name", string(name.as_str()))
            .expression_attribute_values(":default", AttributeValue::Bool(*is_default))
            .expression_attribute_values(":opening", string(&opening(&calendar.draft)?))
            .expression_attribute_values(":version", number(calendar.version))
            .expression_attribute_values(":over", number(over))
            .expression_attribute_values(":write", string(write_id));
        let update = update
            .build()
            .map_err(|error| Problem::Internal(Box::new(error)))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Makes a calendar the default one in the place of another.
    fn point_at(
        &self,
        id: &CalendarId,
        was: Option<&CalendarId>,
        write_id: &str,
    ) -> Result<Vec<TransactWriteItem>, Problem> {
        let pointer = PointerItem {
            pk: self.pk.clone(),
            sk: key::DEFAULT_CALENDAR.to_owned(),
            calendar: id.clone(),
            write_id: write_id.to_owned(),
        };
        let put = Put::builder()
            .table_name(&self.store.table.name)
            .set_item(Some(serde_dynamo::to_item(pointer).map_err(malformed)?))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Some(was) = was else {
            let put = put
                .condition_expression("attribute_not_exists(#pk)")
                .expression_attribute_names("#pk", key::PK);
            let put = put
                .build()
                .map_err(|error| Problem::Internal(Box::new(error)))?;
            return Ok(vec![TransactWriteItem::builder().put(put).build()]);
        };
        let put = put
            .condition_expression("#calendar = :was")
            .expression_attribute_names("#calendar", "calendar")
            .expression_attribute_values(":was", string(was.as_str()));
        let put = put
            .build()
            .map_err(|error| Problem::Internal(Box::new(error)))?;
        let demote = self
            .change(was)
            .update_expression("SET #default = :no, #write = :write ADD #version :one")
            .condition_expression("#default = :yes")
            .expression_attribute_names("#default", "isDefault")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_names("#write", WRITE_ID)
            .expression_attribute_values(":no", AttributeValue::Bool(false))
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":write", string(write_id));
        let demote = demote
            .build()
            .map_err(|error| Problem::Internal(Box::new(error)))?;
        Ok(vec![
            TransactWriteItem::builder().put(put).build(),
            TransactWriteItem::builder().update(demote).build(),
        ])
    }

    /// Leaves the team without a default calendar, if it is this one.
    fn point_nowhere(&self, id: &CalendarId) -> Result<TransactWriteItem, Problem> {
        let delete = Delete::builder()
            .table_name(&self.store.table.name)
            .key(key::PK, string(&self.pk))
            .key(key::SK, string(key::DEFAULT_CALENDAR))
            .condition_expression("#calendar = :was")
            .expression_attribute_names("#calendar", "calendar")
            .expression_attribute_values(":was", string(id.as_str()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build();
        let delete = delete.map_err(|error| Problem::Internal(Box::new(error)))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    fn change(&self, id: &CalendarId) -> aws_sdk_dynamodb::types::builders::UpdateBuilder {
        Update::builder()
            .table_name(&self.store.table.name)
            .key(key::PK, string(&self.pk))
            .key(key::SK, string(&key::calendar(id)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

impl CalendarItem {
    fn into_calendar(self) -> Result<TeamCalendar, Problem> {
        let opening: CalendarDraft = serde_json::from_str(&self.opening)
            .map_err(|error| Problem::Internal(Box::new(error)))?;
        let CalendarItem {
            id,
            name,
            is_default,
            version,
            uses,
            ..
        } = self;
        let draft = Draft {
            name,
            opening,
            is_default,
        };
        Ok(TeamCalendar {
            id,
            draft,
            version,
            uses,
        })
    }
}

impl Store {
    /// One more rule names a calendar, which must be there.
    pub(super) fn calendar_taken(
        &self,
        pk: &str,
        id: &CalendarId,
        write_id: &str,
    ) -> Result<TransactWriteItem, Problem> {
        self.calendar_uses(pk, id, 1, write_id)
    }

    /// One rule less names a calendar.
    pub(super) fn calendar_left(
        &self,
        pk: &str,
        id: &CalendarId,
        write_id: &str,
    ) -> Result<TransactWriteItem, Problem> {
        self.calendar_uses(pk, id, -1, write_id)
    }

    fn calendar_uses(
        &self,
        pk: &str,
        id: &CalendarId,
        more: i8,
        write_id: &str,
    ) -> Result<TransactWriteItem, Problem> {
        let update = Update::builder()
            .table_name(&self.table.name)
            .key(key::PK, string(pk))
            .key(key::SK, string(&key::calendar(id)))
            .update_expression("ADD #uses :more SET #write = :write")
            .condition_expression("attribute_exists(#pk)")
            .expression_attribute_names("#pk", key::PK)
            .expression_attribute_names("#uses", "uses")
            .expression_attribute_names("#write", WRITE_ID)
            .expression_attribute_values(":more", number(more))
            .expression_attribute_values(":write", string(write_id))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build();
        let update = update.map_err(|error| Problem::Internal(Box::new(error)))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

fn opening(draft: &Draft) -> Result<String, Problem> {
    let opening = serde_json::to_string(&draft.opening)
        .map_err(|error| Problem::Internal(Box::new(error)))?;
    if opening.len() > MAX_OPENING_BYTES {
        Err(Problem::CalendarTooLarge {
            max: MAX_OPENING_BYTES,
        })
    } else {
        Ok(opening)
    }
}

fn number(number: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
