//! What happens in a running stack: the lines functions write, and one entry per request.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::broadcast;

/// The oldest lines make room for new ones.
const MAX_LINES: usize = 20_000;
/// A follower that falls this far behind misses entries rather than holding memory.
const MAX_BEHIND: usize = 1_024;

/// A line that a function wrote, or that this machine says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The function's logical id.
    pub function: String,
    /// The process that wrote it.
    pub pid: u32,
    /// Where it was written.
    pub stream: Stream,
    /// The line, without its end.
    pub text: String,
}

/// Where a line was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// The function's standard output.
    Out,
    /// The function's standard error.
    Err,
    /// Not by the function: what Lambda itself would say of it.
    Platform,
}

/// Something a follower is told of.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A function wrote a line.
    Line(Line),
    /// The gateway answered a request.
    Request {
        /// The method.
        method: String,
        /// The path, without the query, as sent.
        path: String,
        /// The answer's status.
        status: u16,
        /// From the request's head to the answer.
        elapsed: Duration,
    },
}

/// The stack's memory of what happened, shared by its parts.
#[derive(Clone)]
pub(crate) struct Journal {
    lines: Arc<Mutex<VecDeque<Line>>>,
    followers: broadcast::Sender<Happening>,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self {
            lines: Arc::default(),
            followers: broadcast::Sender::new(MAX_BEHIND),
        }
    }

    pub(crate) fn line(&self, line: Line) {
        {
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() >= MAX_LINES {
                lines.pop_front();
            }
            lines.push_back(line.clone());
        }
        // After it is kept: who follows first and then looks back misses none.
        self.tell(|| Happening::Line(line));
    }

    /// Tells the followers, if there are any.
    pub(crate) fn tell(&self, happening: impl FnOnce() -> Happening) {
        if self.followers.receiver_count() > 0 {
            // Every follower may have left meanwhile.
            drop(self.followers.send(happening()));
        }
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }

    pub(crate) fn follow(&self) -> broadcast::Receiver<Happening> {
        self.followers.subscribe()
    }
}
