//! The scheduled functions on one page, as [`crate::api`] has the endpoints.
//!
//! `functions/` and `template.yaml` declare the same set; `tests/contract.rs` compares them.

/// One scheduled function: one file in `functions/`, one Lambda function, one resource in the
/// template, whose events say when it runs.
#[derive(Debug)]
pub struct Job {
    /// The name of its file and binary.
    pub name: &'static str,
    /// The minutes from one run to the next.
    pub every_minutes: u32,
}

/// Reports what has become true about tickets by time alone.
pub static BREACH_SWEEP: Job = Job {
    name: "breach-sweep",
    every_minutes: 1,
};

/// Attempts the deliveries that wait for their next attempt.
pub static WEBHOOK_DELIVER: Job = Job {
    name: "webhook-deliver",
    every_minutes: 1,
};

/// Moves what has changed about tickets into the summaries that reports are added up from.
pub static SUMMARY_UPDATE: Job = Job {
    name: "summary-update",
    every_minutes: 5,
};

/// Every scheduled function.
pub static ALL: &[&Job] = &[&BREACH_SWEEP, &WEBHOOK_DELIVER, &SUMMARY_UPDATE];
