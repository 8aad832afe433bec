//! How an invocation can fail, and the limits that make it fail.

use std::{error, fmt, time::Duration};

/// Lambda's limit for a synchronous event and for its response: 6 MB and some room for the
/// envelope.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 6_291_556;
/// Requests that may wait for one function; Lambda would throttle long before.
pub(crate) const MAX_WAITING: usize = 10_000;

/// Why an invocation has no response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvokeError {
    /// The template has no such function.
    UnknownFunction {
        /// The requested name.
        function: String,
    },
    /// The event is larger than Lambda accepts.
    EventTooLarge,
    /// More requests wait than Lambda would ever allow.
    Throttled,
    /// The function reported an error, or its response is larger than Lambda accepts.
    Failed {
        /// Such as `Runtime.UnhandledError`.
        error_type: String,
        /// The function's own message.
        message: String,
    },
    /// The function's response is not JSON.
    NotJson,
    /// The process could not be started, or ended before it asked for work.
    Init {
        /// What happened, with the binary's path and the last lines of its standard error.
        reason: String,
    },
    /// The process ended while it was working on this event.
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
            Self::NotJson => f.write_str("the function's response is not JSON"),
            Self::Init { reason } | Self::Died { reason } => f.write_str(reason),
            Self::TimedOut { limit } => {
                write!(f, "task timed out after {:.2} seconds", limit.as_secs_f64())
            }
            Self::Stopped => f.write_str("the stack was stopped"),
        }
    }
}

impl error::Error for InvokeError {}
