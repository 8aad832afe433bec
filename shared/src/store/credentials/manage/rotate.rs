//! Rotation: a new secret replaces an old one, which works until its grace period ends.
//!
//! One transaction writes the new credential and the pointers. The expiry of the old credential
//! follows in a plain update: in the transaction it would conflict with calls that are being
//! admitted. The pointer records the end of the grace period, so an interrupted rotation can be
//! completed.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use jiff::Timestamp;

use super::{Change, Found, PointerItem, Replacement, Rotation, integer};
use crate::domain::digest::Digest;
use crate::domain::id::KeyId;
use crate::problem::Problem;
use crate::store::credentials::CredentialItem;
use crate::store::{Store, key, malformed, string, transaction};

/// The most earlier tokens of a user that may still work: each adds a call to every change.
const MAX_EARLIER_TOKENS: usize = 8;

impl Store {
    /// Replaces a key with a new one, which has its name, kind, mode and limit, and the expiry that
    /// the old one was created with.
    pub async fn replace_key(
        &self,
        old: Found,
        id: &KeyId,
        new: &Replacement,
    ) -> Result<Rotation, Problem> {
        let Found {
            credential,
            pointer,
            ..
        } = old;
        let own_expires_at = match pointer.successor {
            Some(_) => pointer.own_expires_at,
            None => credential.expires_at,
        };
        let mut transaction = self.transaction();
        let write_id = transaction.write_id().to_owned();
        let successor = PointerItem {
            sk: key::key_pointer(id),
            digest: new.digest.clone(),
            last_four: Some(new.last_four.clone()),
            successor: None,
            grace_ends_at: None,
            own_expires_at: None,
            created_at: new.now,
            write_id: write_id.clone(),
            ..pointer.clone()
        };
        let copy = CredentialItem {
            expires_at: own_expires_at,
            ..credential.with_secret(&new.digest, &write_id)
        };
        transaction.put_new(&copy, || Problem::WriteConflict)?;
        transaction.put_new(&successor, || Problem::WriteConflict)?;
        let rotated = rotated_key(&pointer, id, own_expires_at, new);
        transaction.update(rotated, || Problem::WriteConflict)?;
        if !transaction.commit_if_allowed().await? {
            return Ok(Rotation::WriteConflict);
        }
        self.change(&pointer.digest, &Change::ExpireAt(new.grace_ends_at))
            .await?;
        self.correct_plan(&copy.team, &new.digest, copy.plan)
            .await?;
        Ok(Rotation::Done)
    }

    /// Lets a rotated key expire with its grace period, if its rotation was interrupted before
    /// that.
    pub async fn complete_rotation(&self, rotated: &Found) -> Result<(), Problem> {
        let ends_at = rotated.pointer.grace_ends_at;
        if let Some(at) = ends_at.and_then(|second| Timestamp::from_second(second).ok()) {
            self.change(&rotated.pointer.digest, &Change::ExpireAt(at))
                .await?;
        }
        Ok(())
    }

    /// Replaces a user's token with a new one, which has the same permissions, limit and expiry. No
    /// earlier token works longer than the grace period.
    pub async fn replace_token(&self, old: Found, new: &Replacement) -> Result<Rotation, Problem> {
        let Found {
            credential,
            pointer,
            ..
        } = old;
        let grace = Change::ExpireAt(new.grace_ends_at);
        let mut earlier = vec![pointer.digest.clone()];
        for digest in &pointer.earlier {
            self.change(digest, &grace).await?;
            let credential = self.credential(digest).await?;
            let works = |item: &CredentialItem| {
                let has_expired = item.expires_at.is_some_and(|at| at <= new.now.as_second());
                item.active && !has_expired
            };
            match credential {
                Some(credential) if works(&credential) => earlier.push(digest.clone()),
                // Nothing leads to it once the pointer does not.
                Some(_) => self.delete_credential(digest).await?,
                None => {}
            }
        }
        if earlier.len() > MAX_EARLIER_TOKENS {
            return Ok(Rotation::TooManyTokens);
        }
        let mut transaction = self.transaction();
        let copy = credential.with_secret(&new.digest, transaction.write_id());
        transaction.put_new(&copy, || Problem::WriteConflict)?;
        let rotated = rotated_user(&pointer, &earlier, new);
        transaction.update(rotated, || Problem::WriteConflict)?;
        if !transaction.commit_if_allowed().await? {
            return Ok(Rotation::WriteConflict);
        }
        self.change(&pointer.digest, &grace).await?;
        // Someone who read the pointer before this transaction may have changed only the old token.
        if let Some(original) = self.credential(&pointer.digest).await? {
            for change in copy.changes_to(&original) {
                self.change(&new.digest, &change).await?;
            }
        }
        self.correct_plan(&copy.team, &new.digest, copy.plan)
            .await?;
        Ok(Rotation::Done)
    }

    async fn credential(&self, digest: &Digest) -> Result<Option<CredentialItem>, Problem> {
        let (pk, sk) = key::credential(digest.as_str());
        let item = self.get(&pk, &sk).await?;
        item.map(serde_dynamo::from_item)
            .transpose()
            .map_err(malformed)
    }
}

impl CredentialItem {
    fn with_secret(self, digest: &Digest, write_id: &str) -> CredentialItem {
        let (pk, sk) = key::credential(digest.as_str());
        CredentialItem {
            pk,
            sk,
            write_id: write_id.to_owned(),
            ..self
        }
    }

    /// The changes that make this copy equal to its original, which may have changed since.
    fn changes_to(&self, original: &CredentialItem) -> Vec<Change> {
        let mut changes = Vec::new();
        if self.permissions != original.permissions {
            changes.push(Change::Permit(original.permissions.clone()));
        }
        if self.limit() != original.limit() {
            changes.push(Change::Allow(original.limit()));
        }
        if !original.active {
            changes.push(Change::Revoke);
        }
        changes
    }
}

/// Records in the pointer of a key that the key has been rotated.
fn rotated_key(
    pointer: &PointerItem,
    successor: &KeyId,
    own_expires_at: Option<i64>,
    new: &Replacement,
) -> UpdateBuilder {
    let mut expression = "SET #successor = :successor, #grace = :grace, #write = :write".to_owned();
    let mut update = pointer_update(pointer)
        .expression_attribute_names("#successor", "successor")
        .expression_attribute_values(":successor", string(successor.as_str()))
        .expression_attribute_names("#grace", "graceEndsAt")
        .expression_attribute_values(":grace", integer(new.grace_ends_at.as_second()));
    if let Some(at) = own_expires_at {
        expression.push_str(", #own = :own");
        update = update
            .expression_attribute_names("#own", "ownExpiresAt")
            .expression_attribute_values(":own", integer(at));
    }
    update = match &pointer.successor {
        None => update
            .condition_expression("attribute_exists(#pk) AND attribute_not_exists(#successor)")
            .expression_attribute_names("#pk", key::PK),
        Some(earlier) => update
            .condition_expression("#successor = :earlier")
            .expression_attribute_values(":earlier", string(earlier.as_str())),
    };
    update.update_expression(expression)
}

/// Points a user to the new token, and records the earlier ones.
fn rotated_user(pointer: &PointerItem, earlier: &[Digest], new: &Replacement) -> UpdateBuilder {
    let earlier = earlier.iter().map(|digest| string(digest.as_str()));
    let earlier = AttributeValue::L(earlier.collect());
    pointer_update(pointer)
        .update_expression(
            "SET #digest = :new, #four = :four, #earlier = :earlier, #write = :write",
        )
        .condition_expression("#digest = :old")
        .expression_attribute_names("#digest", "digest")
        .expression_attribute_names("#four", "lastFour")
        .expression_attribute_names("#earlier", "earlier")
        .expression_attribute_values(":new", string(new.digest.as_str()))
        .expression_attribute_values(":old", string(pointer.digest.as_str()))
        .expression_attribute_values(":four", string(new.last_four.as_str()))
        .expression_attribute_values(":earlier", earlier)
}

fn pointer_update(pointer: &PointerItem) -> UpdateBuilder {
    transaction::update(&pointer.pk, &pointer.sk)
}
