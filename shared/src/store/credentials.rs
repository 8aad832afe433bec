//! Credentials: what a key or a token may do, and how often it is used.

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

/// The most counters of past windows that stay on a credential until its next call, which removes them
/// without a call of its own. More are removed at once: processes that serve one call each leave them
/// behind.
const MAX_PAST_WINDOWS: usize = 16;

/// The prefix of an attribute that counts a window's calls; its length in seconds and its number
/// follow, as in `w60.29859123`.
const COUNTER: &str = "w";

/// A request to admit a caller.
pub struct Admission<'a> {
    /// The digest of the secret.
    pub digest: &'a Digest,
    /// The user that a token must belong to.
    pub user: Option<&'a UserId>,
    /// The limit of credentials that have none of their own.
    pub default: Allowance,
    /// The window to count in.
    pub window: Window,
    /// Windows whose counters are removed if they are over.
    pub past_windows: &'a [Window],
    /// The time of the request.
    pub now: Timestamp,
}

/// A credential that is admitted.
#[derive(Debug)]
pub struct AdmittedCredential {
    /// Who presents it.
    pub principal: Principal,
    /// The most calls it may make in a window.
    pub limit: u32,
    /// The calls it has made in this window, including this one.
    pub used: u64,
    /// Other windows for which the credential has counters.
    pub other_windows: Vec<Window>,
}

/// Why a credential is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such credential, or it belongs to another user, is revoked or has expired.
    Unknown,
    /// Its windows have another length.
    OtherWindow {
        /// That length.
        seconds: u32,
    },
    /// It has reached its limit in this window.
    LimitReached {
        /// The most calls it may make in a window.
        limit: u32,
        /// The calls it has made.
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
    /// Authenticates a caller, returns what authorisation needs, and counts the call, in one
    /// conditional update.
    ///
    /// If the response is lost, the SDK repeats the update, and the mark of the first attempt shows
    /// that it was applied. If another call was admitted in between, its mark has replaced that one,
    /// and the call counts twice: the limit may be reached early, but is never exceeded.
    pub async fn admit(
        &self,
        admission: &Admission<'_>,
    ) -> Result<Result<AdmittedCredential, Refusal>, Problem> {
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
        let admitted = admitted(admission, &counter, item)?;
        let past = past(&admitted.other_windows, admission.now);
        if past.len() > MAX_PAST_WINDOWS {
            self.remove_counters(admission.digest, &past).await?;
        }
        Ok(Ok(admitted))
    }

    fn admission_update(
        &self,
        admission: &Admission<'_>,
        counter: &str,
        write_id: &str,
    ) -> UpdateItemFluentBuilder {
        let window_matches =
            if admission.window.length_seconds() == admission.default.window_seconds {
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
                AttributeValue::N(admission.window.length_seconds().to_string()),
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
        let past = past(admission.past_windows, admission.now);
        (update, expression) = removing(update, expression, &past);
        update
            .update_expression(expression)
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }

    async fn remove_counters(&self, digest: &Digest, windows: &[Window]) -> Result<(), Problem> {
        let (pk, sk) = key::credential(digest.as_str());
        let update = self.table.client.update_item().table_name(&self.table.name);
        let update = update.key(key::PK, string(&pk)).key(key::SK, string(&sk));
        let (update, expression) = removing(update, String::new(), windows);
        let update = update
            .update_expression(expression)
            // Otherwise the update of a credential that was deleted meanwhile makes an empty item.
            .condition_expression("attribute_exists(#pk)")
            .expression_attribute_names("#pk", key::PK)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match update.send().await {
            Ok(done) => self.count(done.consumed_capacity()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => self.count(None),
                _ => return Err(problem(error)),
            },
        }
        Ok(())
    }
}

/// Those of these windows in which no process counts any more. Clocks differ, so the current window of
/// one process may be ahead of that of another, or behind it.
fn past(windows: &[Window], now: Timestamp) -> Vec<Window> {
    let over = windows.iter().filter(|window| window.is_over(now));
    over.copied().collect()
}

fn removing(
    mut update: UpdateItemFluentBuilder,
    mut expression: String,
    windows: &[Window],
) -> (UpdateItemFluentBuilder, String) {
    for (number, window) in windows.iter().enumerate() {
        expression.push_str(if number == 0 { " REMOVE " } else { ", " });
        expression.push_str(&format!("#past{number}"));
        update = update.expression_attribute_names(format!("#past{number}"), counter(*window));
    }
    (update, expression)
}

fn admitted(
    admission: &Admission<'_>,
    counter: &str,
    item: Item,
) -> Result<AdmittedCredential, Problem> {
    let used = number(&item, counter).unwrap_or(1);
    let windows = item.keys().filter_map(|name| window_of(name));
    let other_windows = windows.filter(|window| *window != admission.window);
    let other_windows = other_windows.collect();
    let item: CredentialItem = serde_dynamo::from_item(item).map_err(malformed)?;
    Ok(AdmittedCredential {
        limit: item.call_limit.unwrap_or(admission.default.limit),
        used,
        other_windows,
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
    let wrong_user = admission
        .user
        .is_some_and(|user| text(item, "userId").as_deref() != Some(user.as_str()));
    if !active || expired || wrong_user {
        return Refusal::Unknown;
    }
    let seconds = number(item, "windowSeconds").unwrap_or(admission.default.window_seconds);
    if seconds != admission.window.length_seconds() {
        return Refusal::OtherWindow { seconds };
    }
    Refusal::LimitReached {
        limit: number(item, "callLimit").unwrap_or(admission.default.limit),
        used: number(item, counter).unwrap_or(0),
    }
}

fn counter(window: Window) -> String {
    format!("{COUNTER}{}.{}", window.length_seconds(), window.number())
}

/// The window of an attribute that counts calls.
fn window_of(attribute: &str) -> Option<Window> {
    let (length, number) = attribute.strip_prefix(COUNTER)?.split_once('.')?;
    Some(Window::numbered(number.parse().ok()?, length.parse().ok()?))
}
