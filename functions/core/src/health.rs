//! Whether the candidate is healthy, and what follows from it. Pure: counts and the time come in, a verdict goes out.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::plan::{Plan, Protocol, Traffic};

/// How long after the wait to keep looking for a first data point. CloudWatch shows one-minute data one to two minutes late.
pub const DATA_DELAY: Duration = Duration::seconds(180);

/// What to do when nothing was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoData {
    /// Treat the candidate as bad.
    RollBack,
    /// Go on, and say so in the verdict.
    Proceed,
}

impl FromStr for NoData {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "RollBack" => Ok(Self::RollBack),
            "Proceed" => Ok(Self::Proceed),
            _ => Err(()),
        }
    }
}

/// When a candidate counts as healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthPolicy {
    /// How many 5xx answers are still healthy.
    pub failure_threshold_value: u64,
    /// Over how many seconds back they are counted.
    pub failure_threshold_time: u32,
    /// What to do when nothing was measured.
    pub on_no_data: NoData,
}

/// The time that a look covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its beginning: never before the candidate received traffic.
    pub start: OffsetDateTime,
    /// Its end.
    pub end: OffsetDateTime,
}

impl Window {
    /// The last `failure_threshold_time` seconds, cut at the moment the candidate first received traffic: what an earlier
    /// deployment of the same commit answered is not this one's.
    #[must_use]
    pub fn of(policy: &HealthPolicy, traffic: &Traffic, now: OffsetDateTime) -> Self {
        let back = now - Duration::seconds(i64::from(policy.failure_threshold_time));
        Self { start: traffic.since.map_or(back, |since| since.max(back)), end: now }
    }
}

/// What the candidate answered in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// Answers of class 5xx.
    pub errors: u64,
    /// All answers, errors included.
    pub requests: u64,
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
pub fn judge(plan: &Plan, traffic: &Traffic, window: Window, answers: Answers) -> Health {
    let name = &plan.deployment.candidate().name;
    let threshold = plan.health.failure_threshold_value;
    let Answers { errors, requests } = answers;
    let (verdict, decision, why) = if errors > threshold {
        let why = format!("`{name}` answered {errors} of {requests} requests with 5xx; allowed are {threshold}");
        (Verdict::Unhealthy, Decision::RollBack, why)
    } else if requests > 0 {
        let why = format!("`{name}` answered {errors} of {requests} requests with 5xx; allowed are {threshold}");
        (Verdict::Healthy, Decision::Proceed, why)
    } else {
        let decision = without_data(plan, traffic, window.end);
        (Verdict::Inconclusive, decision, nothing_measured(plan, decision))
    };
    Health { verdict, decision, why, answers, threshold, window_start: window.start, window_end: window.end }
}

/// TCP has no requests to wait for; otherwise data gets its time to arrive before its absence counts.
fn without_data(plan: &Plan, traffic: &Traffic, now: OffsetDateTime) -> Decision {
    let wait = Duration::seconds(i64::from(plan.wait_time));
    let may_still_come = plan.service.protocol != Protocol::Tcp
        && traffic.shifted_at.is_some_and(|shifted_at| now < shifted_at + wait + DATA_DELAY);
    match plan.health.on_no_data {
        NoData::RollBack if may_still_come => Decision::LookAgain,
        NoData::RollBack => Decision::RollBack,
        NoData::Proceed => Decision::Proceed,
    }
}

fn nothing_measured(plan: &Plan, decision: Decision) -> String {
    let name = &plan.deployment.candidate().name;
    let cause =
        if plan.service.protocol == Protocol::Tcp { "tcp has no request counters" } else { "no request was measured" };
    let then = match decision {
        Decision::Proceed => "`OnNoData` is `Proceed`, so this says nothing about its health",
        Decision::LookAgain => "data may still arrive",
        Decision::RollBack => "`OnNoData` is `RollBack`",
    };
    format!("nothing is known of `{name}`: {cause}; {then}")
}

#[cfg(test)]
mod tests;
