//! Credentials: what a key or a token may do, and how often it has been used.

pub mod manage;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::digest::Digest;
use crate::domain::id::{TeamId, UserId};
use crate::domain::principal::{CredentialKind, Mode, Permission, Plan, Principal};
use crate::limit::{Allowance, Window};
use crate::problem::Problem;
use crate::store::transaction::WRITE_ID;
use crate::store::{Item, Store, key, malformed, number, problem, string, text};

/// Dead windows that may lie about on a credential before they are swept at once. They are swept
/// by a process's next call for free; processes that serve one call each leave them behind.
const MAX_DEAD_WINDOWS: usize = 16;

/// What attributes with a window's count are called, before the window's number.
const WINDOW: &str = "w";

/// A credential on its way in.
pub struct Admission<'a> {
    /// What its secret hashes to.
    pub digest: &'a Digest,
    /// The user it must belong to, if it is a token.
    pub user: Option<&'a UserId>,
    /// What it is allowed if it has no allowance of its own.
    pub default: Allowance,
    /// The window to count in.
    pub window: Window,
    /// That window's length.
    pub window_seconds: u32,
    /// Counts of earlier windows, to be swept along.
    pub dead_windows: &'a [String],
    /// Now.
    pub now: Timestamp,
}

/// A credential that got in.
#[derive(Debug)]
pub struct Seen {
    /// Whose it is.
    pub principal: Principal,
    /// Calls it may make in a window.
    pub limit: u32,
    /// Calls it has made in this window, this one included.
    pub used: u64,
    /// Attributes with counts of earlier windows.
    pub dead_windows: Vec<String>,
}

/// Why a credential did not get in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No such credential, or not of this user, or revoked, or expired.
    Unknown,
    /// It counts in windows of another length.
    OtherWindow {
        /// That length.
        seconds: u32,
    },
    /// It has used up its window.
    Spent {
        /// Calls it may make in a window.
        limit: u32,
        /// Calls it has made.
        used: u64,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CredentialItem {
    pk: String,
    sk: String,
    kind: CredentialKind,
    team: TeamId,
    mode: Mode,
    plan: Plan,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    permissions: Vec<Permission>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_id: Option<UserId>,
    active: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    call_limit: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    window_seconds: Option<u32>,
    write_id: String,
}

impl Store {
    /// Authenticates, fetches what authorisation needs, and counts the call: one conditional
    /// update, applied once even if its answer is lost on the way.
    pub async fn admit(&self, admission: &Admission<'_>) -> Result<Result<Seen, Refusal>, Problem> {
        let write_id = self.next_write_id();
        let counter = counter(admission.window);
        let update = self.admission_update(admission, &counter, &write_id);
        let item = match update.send().await {
            Ok(done) => {
                self.count(done.consumed_capacity());
                done.attributes.unwrap_or_default()
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    self.count(None);
                    let item = failed.item().cloned().unwrap_or_default();
                    if text(&item, WRITE_ID).as_deref() != Some(&write_id) {
                        return Ok(Err(refusal(admission, &counter, &item)));
                    }
                    item
                }
                _ => return Err(problem(error)),
            },
        };
        let seen = seen(admission, &counter, item)?;
        if seen.dead_windows.len() > MAX_DEAD_WINDOWS {
            self.sweep(admission.digest, &seen.dead_windows).await?;
        }
        Ok(Ok(seen))
    }

    fn admission_update(
        &self,
        admission: &Admission<'_>,
        counter: &str,
        write_id: &str,
    ) -> UpdateItemFluentBuilder {
        let window_matches = if admission.window_seconds == admission.default.window_seconds {
            "(attribute_not_exists(#window) OR #window = :window)"
        } else {
            "#window = :window"
        };
        let is_users = if admission.user.is_some() {
            " AND #user = :user"
        } else {
            ""
        };
        let condition = format!(
            "#active = :true AND (attribute_not_exists(#expires) OR #expires > :now){is_users} \
             AND #write <> :write AND {window_matches} \
             AND (attribute_not_exists(#count) \
               OR (attribute_exists(#limit) AND #count < #limit) \
               OR (attribute_not_exists(#limit) AND #count < :limit) \
               OR contains(#permissions, :bypass))"
        );
        let (pk, sk) = key::credential(admission.digest.as_str());
        let mut update = self.table.client.update_item().table_name(&self.table.name);
        update = update.key(key::PK, string(&pk)).key(key::SK, string(&sk));
        update = update.condition_expression(condition);
        let names = [
            ("#active", "active"),
            ("#count", counter),
            ("#expires", "expiresAt"),
            ("#limit", "callLimit"),
            ("#permissions", "permissions"),
            ("#used", "lastUsedAt"),
            ("#window", "windowSeconds"),
            ("#write", WRITE_ID),
        ];
        for (placeholder, name) in names {
            update = update.expression_attribute_names(placeholder, name);
        }
        let values = [
            (":bypass", string(Permission::ApiBypassRateLimit.as_str())),
            (
                ":limit",
                AttributeValue::N(admission.default.limit.to_string()),
            ),
            (
                ":now",
                AttributeValue::N(admission.now.as_second().to_string()),
            ),
            (":one", AttributeValue::N("1".to_owned())),
            (":true", AttributeValue::Bool(true)),
            (
                ":window",
                AttributeValue::N(admission.window_seconds.to_string()),
            ),
            (":write", string(write_id)),
        ];
        for (placeholder, value) in values {
            update = update.expression_attribute_values(placeholder, value);
        }
        if let Some(user) = admission.user {
            update = update.expression_attribute_names("#user", "userId");
            update = update.expression_attribute_values(":user", string(user.as_str()));
        }
        let mut expression = "ADD #count :one SET #used = :now, #write = :write".to_owned();
        (update, expression) = removing(update, expression, admission.dead_windows);
        update
            .update_expression(expression)
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }

    async fn sweep(&self, digest: &Digest, dead_windows: &[String]) -> Result<(), Problem> {
        let (pk, sk) = key::credential(digest.as_str());
        let update = self.table.client.update_item().table_name(&self.table.name);
        let update = update.key(key::PK, string(&pk)).key(key::SK, string(&sk));
        let (update, expression) = removing(update, String::new(), dead_windows);
        let update = update
            .update_expression(expression)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let done = update.send().await.map_err(problem)?;
        self.count(done.consumed_capacity());
        Ok(())
    }
}

fn removing(
    mut update: UpdateItemFluentBuilder,
    mut expression: String,
    attributes: &[String],
) -> (UpdateItemFluentBuilder, String) {
    for (number, attribute) in attributes.iter().enumerate() {
        expression.push_str(if number == 0 { " REMOVE " } else { ", " });
        expression.push_str(&format!("#dead{number}"));
        update = update.expression_attribute_names(format!("#dead{number}"), attribute);
    }
    (update, expression)
}

fn seen(admission: &Admission<'_>, counter: &str, item: Item) -> Result<Seen, Problem> {
    let used = number(&item, counter).unwrap_or(1);
    let is_dead = |name: &String| name != counter && is_counter(name);
    let dead_windows = item.keys().filter(|name| is_dead(name)).cloned().collect();
    let item: CredentialItem = serde_dynamo::from_item(item).map_err(malformed)?;
    Ok(Seen {
        limit: item.call_limit.unwrap_or(admission.default.limit),
        used,
        dead_windows,
        principal: Principal {
            team: item.team,
            mode: item.mode,
            kind: item.kind,
            plan: item.plan,
            permissions: item.permissions,
        },
    })
}

fn refusal(admission: &Admission<'_>, counter: &str, item: &Item) -> Refusal {
    let active = item
        .get("active")
        .and_then(|active| active.as_bool().ok())
        .copied()
        .unwrap_or(false);
    let expired = number(item, "expiresAt").is_some_and(|at: i64| at <= admission.now.as_second());
    let anothers = admission
        .user
        .is_some_and(|user| text(item, "userId").as_deref() != Some(user.as_str()));
    if !active || expired || anothers {
        return Refusal::Unknown;
    }
    let seconds = number(item, "windowSeconds").unwrap_or(admission.default.window_seconds);
    if seconds != admission.window_seconds {
        return Refusal::OtherWindow { seconds };
    }
    Refusal::Spent {
        limit: number(item, "callLimit").unwrap_or(admission.default.limit),
        used: number(item, counter).unwrap_or(0),
    }
}

fn counter(window: Window) -> String {
    format!("{WINDOW}{}", window.number())
}

fn is_counter(attribute: &str) -> bool {
    let digits = attribute.strip_prefix(WINDOW).unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}
