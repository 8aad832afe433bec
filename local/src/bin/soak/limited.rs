//! A caller that exceeds its credential's limit.

use crate::client::{Client, Request};
use crate::site::Shared;
use fastrand::Rng;
use std::time::Duration;
use tokio::time;

/// The longest pause between two calls, short enough to use up every window.
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

    /// Expects 200 or 429. The tally counts the admitted calls of each window.
    pub async fn act(&mut self) {
        let body = serde_json::json!({"createdAt": "2026-11-22T09:00:00Z", "responseTarget": 1, "resolutionTarget": 2});
        let request = Request::new("limited preview", http::Method::POST, self.path.clone());
        if let Some(response) = self.client.send(&request.json(&body)).await
            && self.client.expects(&response, &[200, 429])
            && response.status == 429
        {
            let none_left = response.number("x-ratelimit-remaining") == Some(0);
            self.client
                .check(&response, none_left, "429 with calls left");
            let waits = response
                .number("retry-after")
                .is_some_and(|seconds| seconds >= 0);
            self.client.check(&response, waits, "no Retry-After");
        }
        time::sleep(Duration::from_millis(self.random.u64(..MAX_PAUSE_MS))).await;
    }
}
