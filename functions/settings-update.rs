//! Changes a team's settings. Tickets keep the settings with which they were planned.

use std::process::ExitCode;

use shared::reply::{self, Answer};
use shared::serve::call::Call;
use shared::serve::serve;
use shared::{api, fields};

fn main() -> ExitCode {
    serve(&api::SETTINGS_UPDATE, update)
}

async fn update(call: Call) -> Answer {
    let store = call.store();
    let current = store.settings().await?;
    let settings = fields::settings::change(call.fields()?, &current)?;
    let reply = reply::settings::one(&settings)?;
    call.commit_change(current.version, reply, |recording| {
        store.update_settings(&settings, &current, recording)
    })
    .await
}
