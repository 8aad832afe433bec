//! Who is calling, once that is certain.

use serde::{Deserialize, Serialize};

use crate::domain::id::TeamId;

/// Which of a team's two separate worlds a credential sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// What customers see.
    Live,
    /// What developers try things in.
    Test,
}

/// What a credential is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CredentialKind {
    /// A cStar key that a server keeps: `sk_…`.
    Secret,
    /// A cStar key that a browser may show: `pk_…`.
    Publishable,
    /// A Rocket.Chat user's token.
    User,
}

/// What a workspace has paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plan {
    /// SLA policies included.
    Premium,
    /// SLA policies not included.
    Community,
}

/// What a Rocket.Chat user may do, in that system's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// Create, change and delete SLA policies.
    ManageLivechatSla,
    /// See SLA policies.
    #[serde(rename = "view-l-room")]
    ViewLivechatRoom,
    /// Call as often as wanted.
    ApiBypassRateLimit,
}

/// The caller, after authentication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Whose data the caller sees.
    pub team: TeamId,
    /// Which of the team's worlds.
    pub mode: Mode,
    /// What the caller identified with.
    pub kind: CredentialKind,
    /// What the team has paid for.
    pub plan: Plan,
    /// What a user may do; empty for keys.
    pub permissions: Vec<Permission>,
}

impl Mode {
    /// The mode as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Live => "live",
            Mode::Test => "test",
        }
    }
}

impl Permission {
    /// All permissions that mean something here.
    pub const ALL: [Permission; 3] = [
        Permission::ManageLivechatSla,
        Permission::ViewLivechatRoom,
        Permission::ApiBypassRateLimit,
    ];

    /// The permission as Rocket.Chat writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Permission::ManageLivechatSla => "manage-livechat-sla",
            Permission::ViewLivechatRoom => "view-l-room",
            Permission::ApiBypassRateLimit => "api-bypass-rate-limit",
        }
    }

    /// Reads a permission; `None` for one that means nothing here.
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
    fn words_are_those_of_the_two_products() {
        assert_eq!([Mode::Live, Mode::Test].map(Mode::as_str), ["live", "test"]);
        let words = [
            "manage-livechat-sla",
            "view-l-room",
            "api-bypass-rate-limit",
        ];
        assert_eq!(Permission::ALL.map(Permission::as_str), words);
        assert_eq!(words.map(Permission::parse), Permission::ALL.map(Some));
        assert_eq!(Permission::parse("Manage-livechat-sla"), None);
    }
}
