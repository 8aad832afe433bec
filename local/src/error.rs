//! Why a stack could not be started, written for the person at the keyboard.

use std::{error, fmt, io};

/// Why a stack could not be started.
#[derive(Debug)]
pub enum Error {
    /// Something in template.yaml is missing or not supported.
    Template {
        /// The place: a logical id, with the member if that helps (`RuleCreate.Timeout`).
        at: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file, a socket or a process could not be used.
    Io {
        /// The attempted action, such as `read template.yaml`.
        doing: String,
        /// The reason that the system gave.
        source: io::Error,
    },
    /// The port is already in use.
    PortInUse {
        /// The requested port.
        port: u16,
        /// The command-line flag that chooses another one.
        flag: &'static str,
    },
    /// The embedded database refused something.
    Database {
        /// The attempted action.
        doing: String,
        /// The database's own message.
        reason: String,
    },
    /// The data directory holds a table that is not the one in template.yaml.
    OtherTable {
        /// The table's name.
        name: String,
        /// Its keys.
        found: String,
        /// The keys in template.yaml.
        wanted: String,
    },
    /// No executable was given for a function.
    BinaryMissing {
        /// The function's logical id.
        function: String,
        /// The binary's name in template.yaml.
        binary: String,
    },
    /// `cargo build` failed, after printing its own messages.
    Build {
        /// How cargo ended.
        status: String,
    },
    /// The demo team could not be created.
    Seed {
        /// The reason.
        reason: String,
    },
    /// The webhook of the demo team could not be created or received.
    WebhookSink {
        /// The reason.
        reason: String,
    },
}

impl Error {
    /// Something in template.yaml is missing or not supported.
    pub(crate) fn template(at: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Template {
            at: at.into(),
            reason: reason.into(),
        }
    }

    /// A file, a socket or a process could not be used.
    pub(crate) fn io(doing: impl Into<String>, source: io::Error) -> Self {
        Self::Io {
            doing: doing.into(),
            source,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Template { at, reason } => write!(f, "template.yaml: {at}: {reason}"),
            Self::Io { doing, .. } => write!(f, "could not {doing}"),
            Self::PortInUse { port, flag } => {
                write!(
                    f,
                    "port {port} on 127.0.0.1 is already in use; choose another one with {flag}"
                )
            }
            Self::Database { doing, reason } => {
                write!(f, "the database could not {doing}: {reason}")
            }
            Self::OtherTable {
                name,
                found,
                wanted,
            } => write!(
                f,
                "the data directory holds a table {name} with other keys ({found}) than template.yaml \
                 ({wanted}); choose another --data directory or remove this one"
            ),
            Self::BinaryMissing { function, binary } => {
                write!(
                    f,
                    "no executable `{binary}` for the function {function}; is it a [[bin]] of functions/?"
                )
            }
            Self::Build { status } => write!(f, "cargo build failed ({status})"),
            Self::Seed { reason } => write!(f, "could not create the demo team: {reason}"),
            Self::WebhookSink { reason } => {
                write!(f, "could not receive the demo team's webhooks: {reason}")
            }
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
