//! Changes to credentials. They take effect with the next call.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;

use super::{Change, MAX_ATTEMPTS, integer};
use crate::domain::digest::Digest;
use crate::domain::id::{KeyId, TeamId, UserId};
use crate::problem::Problem;
use crate::store::transaction::WRITE_ID;
use crate::store::{Store, key, malformed, problem, string};

impl Store {
    /// Changes the credential of a key. `false` if the team has no such key, or if the key is
    /// revoked and the change is not for revoked keys.
    pub async fn change_key(
        &self,
        team: &TeamId,
        id: &KeyId,
        change: &Change,
    ) -> Result<bool, Problem> {
        match self.find_key_pointer(team, id).await? {
            Some(pointer) => self.change(&pointer.digest, change).await,
            None => Ok(false),
        }
    }

    /// Changes the credentials of a user: those of the current token, and of earlier ones that may
    /// still work. `false` if the workspace has no such user, or if the user is revoked and the
    /// change is not for revoked users.
    pub async fn change_user(
        &self,
        team: &TeamId,
        id: &UserId,
        change: &Change,
    ) -> Result<bool, Problem> {
        let mut done: Option<(Digest, bool)> = None;
        for _ in 0..MAX_ATTEMPTS {
            let Some(pointer) = self.find_user_pointer(team, id).await? else {
                return Ok(false);
            };
            // A rotation may have replaced the token while its credentials were changed.
            if let Some((digest, changed)) = &done
                && *digest == pointer.digest
            {
                return Ok(*changed);
            }
            let changed = self.change(&pointer.digest, change).await?;
            for earlier in &pointer.earlier {
                self.change(earlier, change).await?;
            }
            done = Some((pointer.digest, changed));
        }
        Err(Problem::Unavailable(
            "the user's token is rotated again and again".into(),
        ))
    }

    /// Changes a credential. `false` if the condition of the change is not met.
    pub(super) async fn change(&self, digest: &Digest, change: &Change) -> Result<bool, Problem> {
        let (pk, sk) = key::credential(digest.as_str());
        let mut update = self.table.client.update_item().table_name(&self.table.name);
        update = update.key(key::PK, string(&pk)).key(key::SK, string(&sk));
        let mut set = vec!["#write = :write".to_owned()];
        let mut remove = Vec::new();
        for (number, (attribute, value)) in change.attributes()?.into_iter().enumerate() {
            update = update.expression_attribute_names(format!("#a{number}"), attribute);
            match value {
                Some(value) => {
                    set.push(format!("#a{number} = :a{number}"));
                    update = update.expression_attribute_values(format!(":a{number}"), value);
                }
                None => remove.push(format!("#a{number}")),
            }
        }
        let mut expression = format!("SET {}", set.join(", "));
        if !remove.is_empty() {
            expression.push_str(&format!(" REMOVE {}", remove.join(", ")));
        }
        if change.needs_an_active_credential() {
            update = update
                .expression_attribute_names("#active", "active")
                .expression_attribute_values(":true", AttributeValue::Bool(true));
        }
        let update = update
            .update_expression(expression)
            .condition_expression(change.condition())
            .expression_attribute_names("#pk", key::PK)
            .expression_attribute_names("#write", WRITE_ID)
            .expression_attribute_values(":write", string(&self.next_write_id()));
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(problem(error)),
            },
        }
    }
}

impl Change {
    /// The attributes that it sets to a value, or removes. The condition refers to the first as
    /// `#a0`.
    fn attributes(&self) -> Result<Vec<(&'static str, Option<AttributeValue>)>, Problem> {
        Ok(match self {
            Change::Revoke => vec![("active", Some(AttributeValue::Bool(false)))],
            Change::ExpireAt(at) => vec![("expiresAt", Some(integer(at.as_second())))],
            Change::Allow(limit) => vec![
                ("callLimit", limit.map(|limit| integer(limit.calls))),
                (
                    "windowSeconds",
                    limit.and_then(|limit| limit.window_seconds).map(integer),
                ),
            ],
            Change::Permit(permissions) => {
                let permissions = permissions.iter();
                let permissions = permissions.map(|permission| string(permission.as_str()));
                let permissions = AttributeValue::L(permissions.collect());
                vec![("permissions", Some(permissions))]
            }
            Change::Plan(plan) => {
                let plan = serde_dynamo::to_attribute_value(plan).map_err(malformed)?;
                vec![("plan", Some(plan))]
            }
        })
    }

    fn condition(&self) -> &'static str {
        match self {
            Change::Revoke => "attribute_exists(#pk)",
            // An earlier expiry stays as it is.
            Change::ExpireAt(_) => {
                "attribute_exists(#pk) AND (attribute_not_exists(#a0) OR #a0 > :a0)"
            }
            Change::Allow(_) | Change::Permit(_) => "attribute_exists(#pk) AND #active = :true",
            Change::Plan(_) => "attribute_exists(#pk) AND #a0 <> :a0",
        }
    }

    fn needs_an_active_credential(&self) -> bool {
        matches!(self, Change::Allow(_) | Change::Permit(_))
    }
}
