//! The scheduled functions on one page, as [`crate::api`] has the endpoints.
//!
//! `functions/` and `template.yaml` declare the same set; `tests/contract.rs` compares them.

/// One scheduled function: one file in `functions/`, one Lambda function, one resource in the
/// template, whose events say when it runs.
#[derive(Debug)]
pub struct Job {
    /// The name of its file and binary.
    pub name: &'static str,
}

/// Reports what has become true about tickets by time alone.
pub static BREACH_SWEEP: Job = Job {
    name: "breach-sweep",
};

/// Attempts the deliveries that wait for their next attempt.
pub static WEBHOOK_DELIVER: Job = Job {
    name: "webhook-deliver",
};

/// Every scheduled function.
pub static ALL: &[&Job] = &[&BREACH_SWEEP, &WEBHOOK_DELIVER];
