//! How an invocation can fail.

use crate::runtime_api::{MAX_PAYLOAD_BYTES, MAX_WAITING};
use std::{error, fmt, time::Duration};

/// Why an invocation has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvokeError {
    /// The template has no such function.
    UnknownFunction {
        /// The name asked for.
        function: String,
    },
    /// The event is larger than Lambda takes.
    EventTooLarge,
    /// More requests wait than Lambda would ever let.
    Throttled,
    /// The function reported an error, or answered more than Lambda takes.
    Failed {
        /// Such as `Runtime.UnhandledError`.
        error_type: String,
        /// The function's own words.
        message: String,
    },
    /// The function's answer is not JSON.
    NotJson,
    /// The process could not be started, or ended before it asked for work.
    Init {
        /// What happened, with the binary's path and the last lines of its standard error.
        reason: String,
    },
    /// The process ended while it worked on this event.
    Died {
        /// What happened, with the binary's path and the last lines of its standard error.
        reason: String,
    },
    /// The function took longer than its timeout; its process was killed.
    TimedOut {
        /// The function's timeout.
        limit: Duration,
    },
    /// The stack was stopped.
    Stopped,
}

impl fmt::Display for InvokeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownFunction { function } => write!(f, "there is no function {function}"),
            Self::EventTooLarge => write!(f, "the event is larger than {MAX_PAYLOAD_BYTES} bytes"),
            Self::Throttled => write!(f, "more than {MAX_WAITING} requests wait"),
            Self::Failed {
                error_type,
                message,
            } => write!(f, "the function failed with {error_type}: {message}"),
            Self::NotJson => f.write_str("the function's answer is not JSON"),
            Self::Init { reason } | Self::Died { reason } => f.write_str(reason),
            Self::TimedOut { limit } => {
                write!(f, "task timed out after {:.2} seconds", limit.as_secs_f64())
            }
            Self::Stopped => f.write_str("the stack was stopped"),
        }
    }
}

impl error::Error for InvokeError {}
