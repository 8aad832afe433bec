//! A team's settings: one item, which exists only if they have been written.

use serde::{Deserialize, Serialize};

use crate::domain::clock::Metric;
use crate::domain::minutes::Minutes;
use crate::domain::plan::{Escalation, OnReopen, WarnAtPercent};
use crate::domain::settings::Settings;
use crate::domain::version::Version;
use crate::problem::Problem;
use crate::store::idempotency::{Recording, Written};
use crate::store::team::{ReadWrite, TeamStore};
use crate::store::{key, malformed};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SettingsItem {
    pk: String,
    sk: String,
    warn_at_percent: u8,
    on_reopen: String,
    #[serde(default)]
    escalations: Vec<EscalationItem>,
    version: Version,
    write_id: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EscalationItem {
    metric: String,
    after_breach: Minutes,
}

impl<Rights> TeamStore<Rights> {
    /// The team's settings.
    pub async fn settings(&self) -> Result<Settings, Problem> {
        let Some(item) = self.store.get(&self.pk, key::SETTINGS).await? else {
            return Ok(Settings::default());
        };
        let item: SettingsItem = serde_dynamo::from_item(item).map_err(malformed)?;
        let invalid = || Problem::Internal("stored settings are not valid".into());
        Ok(Settings {
            warn_at_percent: WarnAtPercent::new(item.warn_at_percent.into()).ok_or_else(invalid)?,
            on_reopen: OnReopen::parse(&item.on_reopen).ok_or_else(invalid)?,
            escalations: item
                .escalations
                .into_iter()
                .map(|escalation| {
                    Ok(Escalation {
                        metric: Metric::parse(&escalation.metric).ok_or_else(invalid)?,
                        after_breach: escalation.after_breach,
                    })
                })
                .collect::<Result<_, Problem>>()?,
            version: item.version,
        })
    }
}

impl TeamStore<ReadWrite> {
    /// Replaces the `current` settings and records the request.
    /// [`Problem::WriteConflict`] if the stored settings have another version.
    pub async fn update_settings(
        &self,
        settings: &Settings,
        current: &Settings,
        recording: Recording,
    ) -> Result<Written, Problem> {
        let mut transaction = self.store.transaction();
        let item = SettingsItem {
            pk: self.pk.clone(),
            sk: key::SETTINGS.to_owned(),
            warn_at_percent: settings.warn_at_percent.get(),
            on_reopen: settings.on_reopen.as_str().to_owned(),
            escalations: settings
                .escalations
                .iter()
                .map(|escalation| EscalationItem {
                    metric: escalation.metric.as_str().to_owned(),
                    after_breach: escalation.after_breach,
                })
                .collect(),
            version: settings.version,
            write_id: transaction.write_id().to_owned(),
        };
        if current.version == Version::NEVER_WRITTEN {
            transaction.put_new(&item, || Problem::WriteConflict)?;
        } else {
            transaction.replace(&item, current.version)?;
        }
        transaction.commit_once(recording).await
    }
}
