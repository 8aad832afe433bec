//! What happens in a running stack: the lines that functions write, and one event per request.

use crate::lock::lock;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::broadcast;

/// Lines that are kept; a new one replaces the oldest.
const MAX_LINES: usize = 20_000;
/// Events that are held for a slow follower; one that falls further behind misses the oldest.
const MAX_BEHIND: usize = 1_024;

/// A line that a function wrote, or that the platform wrote about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The function's logical id.
    pub function: String,
    /// The process that wrote it.
    pub pid: u32,
    /// Where it was written.
    pub stream: Stream,
    /// The line, without its line ending.
    pub text: String,
}

/// Where a line was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// The function's standard output.
    Out,
    /// The function's standard error.
    Err,
    /// Written by the platform, in place of Lambda itself.
    Platform,
}

/// Something that happened in the stack.
#[derive(Clone, Debug)]
pub enum Event {
    /// A function wrote a line.
    Line(Line),
    /// The gateway responded to a request.
    Request {
        /// The method.
        method: String,
        /// The path, without the query, as sent.
        path: String,
        /// The response's status.
        status: u16,
        /// From the request's headers to the response.
        elapsed: Duration,
    },
}

/// The lines so far and the followers of what comes, shared by the parts of a stack.
#[derive(Clone)]
pub(crate) struct Journal {
    lines: Arc<Mutex<VecDeque<Line>>>,
    followers: broadcast::Sender<Event>,
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
            let mut lines = lock(&self.lines);
            if lines.len() >= MAX_LINES {
                lines.pop_front();
            }
            lines.push_back(line.clone());
        }
        // Published only once it is kept, so that following first and then looking back misses
        // none.
        self.publish(|| Event::Line(line));
    }

    /// Sends an event to the followers, if there are any.
    pub(crate) fn publish(&self, event: impl FnOnce() -> Event) {
        if self.followers.receiver_count() > 0 {
            // Every follower may have left in the meantime.
            drop(self.followers.send(event()));
        }
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        lock(&self.lines).iter().cloned().collect()
    }

    pub(crate) fn follow(&self) -> broadcast::Receiver<Event> {
        self.followers.subscribe()
    }
}
