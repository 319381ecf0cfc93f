//! Whether the candidate is healthy, and what follows from it. Pure: counts and the time come in, a verdict goes out.

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::{
    plan::{Deployment, HealthPolicy, Plan, Traffic},
    request::NoData,
    service::Protocol,
};

/// The time that a look covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its beginning: never before the candidate received traffic.
    pub start: OffsetDateTime,
    /// When the shift to the weight that is being watched began.
    pub shifted_at: OffsetDateTime,
    /// Its end.
    pub end: OffsetDateTime,
}

impl Window {
    /// The last `failure_threshold_time` seconds and at least the whole time at this weight, cut at the moment the candidate
    /// first received traffic: what an earlier deployment of the same commit answered is not this one's.
    #[must_use]
    pub fn of(policy: &HealthPolicy, traffic: &Traffic, now: OffsetDateTime) -> Self {
        let back = now - Duration::seconds(i64::from(policy.failure_threshold_time));
        let shifted_at = traffic.shifted_at.unwrap_or(now);
        let start = back.min(shifted_at);
        Self { start: traffic.since.map_or(start, |since| since.max(start)), shifted_at, end: now }
    }
}

/// What the candidate answered in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// Answers of class 5xx.
    pub errors: u64,
    /// All answers, errors included.
    pub requests: u64,
    /// Those of the minute in which the weight was set, and later.
    pub recent: u64,
}

/// What the look says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// It answered, and not too many answers were errors.
    Healthy,
    /// Too many answers were errors.
    Unhealthy,
    /// Nothing was measured.
    Inconclusive,
}

/// What the state machine does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// Take the next step.
    Proceed,
    /// Keep the weight and look again soon.
    LookAgain,
    /// Take the candidate back.
    RollBack,
}

/// A verdict with the numbers it rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// What the look says.
    pub verdict: Verdict,
    /// What follows from it.
    pub decision: Decision,
    /// The verdict in a sentence.
    pub why: String,
    /// What was counted.
    #[serde(flatten)]
    pub answers: Answers,
    /// How many errors are still healthy.
    pub threshold: u64,
    /// Where the window begins.
    #[serde(with = "time::serde::rfc3339")]
    pub window_start: OffsetDateTime,
    /// Where it ends.
    #[serde(with = "time::serde::rfc3339")]
    pub window_end: OffsetDateTime,
}

/// Judges the candidate.
#[must_use]
pub fn judge(plan: &Plan, window: Window, answers: Answers) -> Health {
    let name = &plan.deployment.candidate().name;
    let threshold = plan.health.failure_threshold_value;
    let Answers { errors, requests, recent } = answers;
    // A failed gRPC call is an HTTP 200 with a status in its trailer.
    let unseen = if plan.service.protocol == Protocol::Grpc { "; gRPC failures are not among them" } else { "" };
    let counted =
        format!("`{name}` answered {errors} of {requests} requests with 5xx; allowed are {threshold}{unseen}");
    let (verdict, decision, why) = if errors > threshold {
        (Verdict::Unhealthy, Decision::RollBack, counted)
    } else if recent > 0 {
        (Verdict::Healthy, Decision::Proceed, counted)
    } else {
        let decision = without_data(plan, window);
        (Verdict::Inconclusive, decision, nothing_measured(plan, decision))
    };
    Health { verdict, decision, why, answers, threshold, window_start: window.start, window_end: window.end }
}

/// Data gets its time to arrive before its absence counts, unless none can come: TCP has no requests, and nobody can have
/// called a first version.
fn without_data(plan: &Plan, window: Window) -> Decision {
    let can_come = plan.service.protocol != Protocol::Tcp && matches!(plan.deployment, Deployment::Canary { .. });
    let in_time = Duration::seconds(i64::from(plan.wait_time) + i64::from(plan.health.data_delay));
    match plan.health.on_no_data {
        _ if can_come && window.end < window.shifted_at + in_time => Decision::LookAgain,
        NoData::RollBack => Decision::RollBack,
        NoData::Proceed => Decision::Proceed,
    }
}

fn nothing_measured(plan: &Plan, decision: Decision) -> String {
    let name = &plan.deployment.candidate().name;
    let cause = match plan.service.protocol {
        Protocol::Tcp => "tcp has no request counters",
        _ => "no request was measured at this weight",
    };
    let then = match decision {
        Decision::Proceed => "`OnNoData` is `Proceed`, so this says nothing about its health",
        Decision::LookAgain => "data may still arrive",
        Decision::RollBack => "`OnNoData` is `RollBack`",
    };
    format!("nothing is known of `{name}`: {cause}; {then}")
}

#[cfg(test)]
mod tests;
