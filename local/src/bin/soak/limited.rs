//! A caller that calls more often than its credential may.

use crate::client::{Client, Request};
use crate::site::Shared;
use fastrand::Rng;
use std::time::Duration;
use tokio::time;

/// Between two calls, at the most: often enough to use up every window.
const MAX_PAUSE_MS: u64 = 20;

pub struct Limited {
    client: Client,
    random: Rng,
    path: String,
}

impl Limited {
    pub fn new(site: &Shared, mut random: Rng) -> Limited {
        let [team, _] = &site.teams;
        Limited {
            client: Client::new(site, &site.limited, random.fork()),
            path: format!("/api/v1/teams/{}/sla/preview", team.id),
            random,
        }
    }

    /// Expects 200 or 429; the tally counts the admitted calls of each window.
    pub async fn act(&mut self) {
        let ask = serde_json::json!({"createdAt": "2026-11-22T09:00:00Z", "responseTarget": 1, "resolutionTarget": 2});
        let request = Request::new("limited preview", http::Method::POST, self.path.clone());
        if let Some(answer) = self.client.ask(&request.json(&ask)).await
            && self.client.expects(&answer, &[200, 429])
            && answer.status == 429
        {
            let none_left = answer.number("x-ratelimit-remaining") == Some(0);
            self.client.holds(&answer, none_left, "429 with calls left");
            let waits = answer
                .number("retry-after")
                .is_some_and(|seconds| seconds >= 0);
            self.client.holds(&answer, waits, "no Retry-After");
        }
        time::sleep(Duration::from_millis(self.random.u64(..MAX_PAUSE_MS))).await;
    }
}
