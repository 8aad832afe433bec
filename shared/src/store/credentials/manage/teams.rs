//! Teams: their settings, and their plan, which each of their credentials has a copy of.

use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use serde::{Deserialize, Serialize};

use super::{Change, MAX_ATTEMPTS, PointerItem, Team};
use crate::domain::digest::Digest;
use crate::domain::id::TeamId;
use crate::domain::principal::{Mode, Plan};
use crate::problem::Problem;
use crate::store::{Store, key, malformed, string, transaction};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TeamItem {
    pk: String,
    sk: String,
    #[serde(flatten)]
    pub(super) team: Team,
    write_id: String,
}

impl Store {
    /// Creates a team, in both modes.
    pub async fn create_team(&self, team: &Team) -> Result<(), Problem> {
        let mut transaction = self.transaction();
        for (pk, sk) in copies(&team.id) {
            let item = TeamItem {
                pk,
                sk,
                team: team.clone(),
                write_id: transaction.write_id().to_owned(),
            };
            transaction.put_new(&item, || {
                Problem::Internal("a new team's id is in use".into())
            })?;
        }
        transaction.commit().await
    }

    /// All teams, oldest first.
    pub async fn list_teams(&self) -> Result<Vec<Team>, Problem> {
        let items: Vec<TeamItem> = self.all(key::TEAMS, key::TEAM_IDS).await?;
        Ok(items.into_iter().map(|item| item.team).collect())
    }

    /// The team with this id; `None` if there is none.
    pub async fn find_team(&self, id: &TeamId) -> Result<Option<Team>, Problem> {
        let item = self.get(&key::team(id, Mode::Live), key::TEAM).await?;
        let item: Option<TeamItem> = item
            .map(serde_dynamo::from_item)
            .transpose()
            .map_err(malformed)?;
        Ok(item.map(|item| item.team))
    }

    /// Changes a team's name, plan or both. `false` if there is no such team.
    ///
    /// The team's credentials keep their copies of the old plan until [`Store::copy_plan`] has run.
    pub async fn update_team(
        &self,
        id: &TeamId,
        name: Option<&str>,
        plan: Option<Plan>,
    ) -> Result<bool, Problem> {
        let mut transaction = self.transaction();
        for key in copies(id) {
            let missing = || Problem::Internal("the team does not exist".into());
            transaction.update(team_update(key, name, plan)?, missing)?;
        }
        transaction.commit_if_allowed().await
    }

    /// Copies a team's plan to each of its credentials, and returns how many had another plan. It
    /// may be interrupted and run again.
    pub async fn copy_plan(&self, id: &TeamId) -> Result<u64, Problem> {
        let mut changed = 0;
        let mut copied = None;
        for _ in 0..MAX_ATTEMPTS {
            // Someone else may change the team's plan while this one is being copied.
            let plan = self.find_team(id).await?.map(|team| team.plan);
            let Some(plan) = plan.filter(|plan| Some(*plan) != copied) else {
                return Ok(changed);
            };
            for (mode, prefix) in [
                (Mode::Live, key::KEY_POINTERS),
                (Mode::Test, key::KEY_POINTERS),
                (Mode::Live, key::USER_POINTERS),
            ] {
                let pointers: Vec<PointerItem> = self.all(&key::team(id, mode), prefix).await?;
                for digest in pointers.iter().flat_map(PointerItem::digests) {
                    changed += u64::from(self.change(digest, &Change::Plan(plan)).await?);
                }
            }
            copied = Some(plan);
        }
        Err(Problem::Unavailable(
            "the team's plan changes again and again".into(),
        ))
    }

    /// Corrects the plan of a new credential, if its team's has changed since `plan` was read.
    /// `false` if there is no such team any more.
    pub(super) async fn correct_plan(
        &self,
        team: &TeamId,
        digest: &Digest,
        plan: Plan,
    ) -> Result<bool, Problem> {
        let Some(team) = self.find_team(team).await? else {
            return Ok(false);
        };
        if team.plan != plan {
            self.change(digest, &Change::Plan(team.plan)).await?;
        }
        Ok(true)
    }
}

fn team_update(
    (pk, sk): (String, String),
    name: Option<&str>,
    plan: Option<Plan>,
) -> Result<UpdateBuilder, Problem> {
    let mut expression = "SET #write = :write".to_owned();
    let mut update = transaction::update(&pk, &sk)
        .condition_expression("attribute_exists(#pk)")
        .expression_attribute_names("#pk", key::PK);
    if let Some(name) = name {
        expression.push_str(", #name = :name");
        update = update
            .expression_attribute_names("#name", "name")
            .expression_attribute_values(":name", string(name));
    }
    if let Some(plan) = plan {
        expression.push_str(", #plan = :plan");
        let plan = serde_dynamo::to_attribute_value(plan).map_err(malformed)?;
        update = update
            .expression_attribute_names("#plan", "plan")
            .expression_attribute_values(":plan", plan);
    }
    Ok(update.update_expression(expression))
}

/// The keys under which a team's settings are stored: in each mode, and in the list of all teams.
pub(super) fn copies(id: &TeamId) -> [(String, String); 3] {
    [
        (key::team(id, Mode::Live), key::TEAM.to_owned()),
        (key::team(id, Mode::Test), key::TEAM.to_owned()),
        (key::TEAMS.to_owned(), id.to_string()),
    ]
}
