//! The authenticated caller.

use serde::{Deserialize, Serialize};

use crate::domain::id::TeamId;

/// Which of a team's two separate sets of data a credential sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The data that customers see.
    Live,
    /// The data that developers experiment with.
    Test,
}

/// The kind of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CredentialKind {
    /// A cStar key that only servers may hold: `sk_…`.
    Secret,
    /// A cStar key that may appear in a browser: `pk_…`.
    Publishable,
    /// A Rocket.Chat user's token.
    User,
}

/// The plan of a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plan {
    /// It includes SLA policies.
    Premium,
    /// It does not include SLA policies.
    Community,
}

/// A permission of a Rocket.Chat user, under its name in Rocket.Chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// Create, change and delete SLA policies.
    ManageLivechatSla,
    /// See SLA policies.
    #[serde(rename = "view-l-room")]
    ViewLivechatRoom,
    /// Call without a rate limit.
    ApiBypassRateLimit,
}

/// A caller who has been authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The team whose data the caller sees.
    pub team: TeamId,
    /// Which of the team's data the caller sees.
    pub mode: Mode,
    /// The kind of credential that the caller presented.
    pub kind: CredentialKind,
    /// The team's plan.
    pub plan: Plan,
    /// The permissions of a user; empty for keys.
    pub permissions: Vec<Permission>,
}

impl Mode {
    /// The mode as it is spelled.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Live => "live",
            Mode::Test => "test",
        }
    }
}

impl Permission {
    /// All permissions that this service knows.
    pub const ALL: [Permission; 3] = [
        Permission::ManageLivechatSla,
        Permission::ViewLivechatRoom,
        Permission::ApiBypassRateLimit,
    ];

    /// The permission as Rocket.Chat spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Permission::ManageLivechatSla => "manage-livechat-sla",
            Permission::ViewLivechatRoom => "view-l-room",
            Permission::ApiBypassRateLimit => "api-bypass-rate-limit",
        }
    }

    /// Reads a permission; `None` for one that this service does not know.
    pub fn parse(text: &str) -> Option<Permission> {
        Permission::ALL
            .into_iter()
            .find(|permission| permission.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_are_those_of_the_two_products() {
        assert_eq!([Mode::Live, Mode::Test].map(Mode::as_str), ["live", "test"]);
        let names = [
            "manage-livechat-sla",
            "view-l-room",
            "api-bypass-rate-limit",
        ];
        assert_eq!(Permission::ALL.map(Permission::as_str), names);
        assert_eq!(names.map(Permission::parse), Permission::ALL.map(Some));
        assert_eq!(Permission::parse("Manage-livechat-sla"), None);
    }
}
