//! Whether the candidate is healthy, and what follows from it. Pure: counts, tasks and the time come in, a check comes out.

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::{
    plan::{Deployment, HealthPolicy, Plan, Step},
    progress::{Next, Progress},
    request::NoData,
    service::Protocol,
    tasks::Capacity,
};

/// The time that a check covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its beginning: never before the candidate received traffic.
    pub start: OffsetDateTime,
    /// The first data point that begins at this time or later holds only answers that were given at the present weight.
    pub settled_from: OffsetDateTime,
    /// When every data point that covers the watch time can be read.
    pub complete_at: OffsetDateTime,
    /// Its end.
    pub end: OffsetDateTime,
}

impl Window {
    /// The last `failure_threshold_time` seconds and at least the whole time at this weight, cut at the moment when the candidate
    /// first received traffic: the answers of an earlier deployment of the same commit are not this one's.
    #[must_use]
    pub fn of(policy: &HealthPolicy, step: &Step, progress: &Progress, now: OffsetDateTime) -> Self {
        let back = now - seconds(policy.failure_threshold_time);
        let shifted_at = progress.shifted_at.unwrap_or(now);
        let start = back.min(shifted_at);
        // Tries of a shift can take minutes: errors count from the first, and what is to be healthy from when the weight is set.
        let reported_at = progress.reported_at.unwrap_or(shifted_at);
        let period = policy.metric_period;
        // A scrape reports the answers since the scrape before it, up to one period earlier.
        let settled_from = align(reported_at + seconds(period), period);
        let last = align(reported_at + seconds(step.watch_seconds) + seconds(period), period);
        Self {
            start: progress.since.map_or(start, |since| since.max(start)),
            settled_from,
            complete_at: last.max(settled_from + seconds(period)) + seconds(policy.metric_delay),
            end: now,
        }
    }
}

/// The most seconds between the end of a step's watch time and the check that decides: data points that begin up to two
/// periods after a shift, their period and delay, and the same delay for tasks that are being replaced.
#[must_use]
pub fn longest_delay(policy: &HealthPolicy) -> u64 {
    3 * u64::from(policy.metric_period) + 2 * u64::from(policy.metric_delay)
}

/// Seconds between two checks of a candidate: new data come once a period.
#[must_use]
pub fn check_interval(plan: &Plan) -> u32 {
    plan.poll_seconds.max(plan.health.metric_period).max(1)
}

fn seconds(count: u32) -> Duration {
    Duration::seconds(i64::from(count))
}

/// The next moment that is a multiple of `period` seconds: where a data point begins.
fn align(moment: OffsetDateTime, period: u32) -> OffsetDateTime {
    let period = i64::from(period.max(1)) * 1_000_000_000;
    let since_epoch = (moment - OffsetDateTime::UNIX_EPOCH).whole_nanoseconds();
    let ahead = (-since_epoch).rem_euclid(i128::from(period));
    moment + Duration::nanoseconds(i64::try_from(ahead).unwrap_or(0))
}

/// What the candidate answered in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// Answers of class 5xx.
    pub errors: u64,
    /// All answers, errors included.
    pub requests: u64,
    /// Those that were certainly given at the present weight.
    pub settled: u64,
}

impl Answers {
    /// Whether too many of them are errors, whatever else is known.
    #[must_use]
    pub fn are_bad(&self, policy: &HealthPolicy) -> bool {
        self.errors > policy.failure_threshold_value
    }
}

/// What a check says of the candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Its tasks run, it answered over the whole watch time, and not too many answers were errors.
    Healthy,
    /// Too many answers were errors, or its tasks do not run.
    Unhealthy,
    /// Not enough is known.
    Inconclusive,
}

/// A verdict with the numbers it rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// What the check says.
    pub verdict: Verdict,
    /// The verdict in a sentence.
    pub reason: String,
    /// What was counted.
    #[serde(flatten)]
    pub answers: Answers,
    /// How many errors are still healthy.
    pub threshold: u64,
    /// The candidate's tasks, if its stack has an ECS service.
    pub tasks: Option<TaskCounts>,
    /// The candidate's weight.
    pub weight: u8,
    /// Where the window begins.
    #[serde(with = "time::serde::rfc3339")]
    pub window_start: OffsetDateTime,
    /// Where it ends.
    #[serde(with = "time::serde::rfc3339")]
    pub window_end: OffsetDateTime,
}

/// How many tasks a version has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskCounts {
    /// That ECS is to run.
    pub desired: u32,
    /// That run and pass every health check that their essential containers have.
    pub healthy: u32,
}

/// Judges the candidate.
#[must_use]
pub fn judge(plan: &Plan, progress: &Progress, window: Window, answers: Answers, capacity: &Capacity) -> (Check, Next) {
    let Judgement(verdict, next, reason) = tasks_gone(plan, capacity)
        .or_else(|| too_many_errors(plan, answers))
        .or_else(|| tasks_failed(plan, capacity))
        .or_else(|| too_early(plan, window, answers))
        .or_else(|| tasks_missing(plan, progress, window, capacity))
        .unwrap_or_else(|| measured(plan, answers));
    let tasks = match capacity {
        Capacity::Service(tasks) => Some(TaskCounts { desired: tasks.desired, healthy: tasks.healthy }),
        Capacity::NoService | Capacity::Gone(_) => None,
    };
    let check = Check {
        verdict,
        reason,
        answers,
        threshold: plan.health.failure_threshold_value,
        tasks,
        weight: progress.weight.percent(),
        window_start: window.start,
        window_end: window.end,
    };
    (check, next)
}

struct Judgement(Verdict, Next, String);

fn unhealthy(reason: String) -> Judgement {
    Judgement(Verdict::Unhealthy, Next::RollBack, reason)
}

/// A candidate without a task answers nothing, so its metrics say nothing either.
fn tasks_gone(plan: &Plan, capacity: &Capacity) -> Option<Judgement> {
    capacity.nothing_runs(&plan.deployment.candidate().name).map(unhealthy)
}

/// Errors count as soon as they are seen.
fn too_many_errors(plan: &Plan, answers: Answers) -> Option<Judgement> {
    answers.are_bad(&plan.health).then(|| unhealthy(counted(plan, answers)))
}

/// ECS replaces a task that ended or failed its health check, so its service looks well again a moment later.
fn tasks_failed(plan: &Plan, capacity: &Capacity) -> Option<Judgement> {
    let Capacity::Service(tasks) = capacity else { return None };
    let last = tasks.failed.last()?;
    let (name, count) = (&plan.deployment.candidate().name, tasks.failed.len());
    let plural = if count == 1 { "task has" } else { "tasks have" };
    Some(unhealthy(format!("{count} {plural} failed since `{name}` received traffic: {last}")))
}

/// Data that is missing today can hold the errors of the last minutes.
fn too_early(plan: &Plan, window: Window, answers: Answers) -> Option<Judgement> {
    // TCP has no request counters: there is nothing to wait for.
    if plan.service.protocol == Protocol::Tcp || window.end >= window.complete_at {
        return None;
    }
    let left = (window.complete_at - window.end).whole_milliseconds().max(0);
    let left = u32::try_from(left.unsigned_abs().div_ceil(1000)).unwrap_or(u32::MAX).max(1);
    let seconds = left.min(check_interval(plan));
    let reason = format!("{}; all data of the watch time can be read in {left} s", counted(plan, answers));
    Some(Judgement(Verdict::Inconclusive, Next::CheckAgain { seconds }, reason))
}

/// ECS takes a while to replace a task that AWS took away. Longer than that, the candidate cannot keep its tasks. Tasks that
/// scaling adds while the candidate is watched may take their time.
fn tasks_missing(plan: &Plan, progress: &Progress, window: Window, capacity: &Capacity) -> Option<Judgement> {
    let Capacity::Service(tasks) = capacity else { return None };
    let at_this_weight = progress.checks.iter().filter(|check| check.weight == progress.weight.percent());
    let before = at_this_weight.filter_map(|check| check.tasks.map(|tasks| tasks.desired)).min();
    let desired = before.unwrap_or(tasks.desired).min(tasks.desired);
    if tasks.healthy >= desired {
        return None;
    }
    let name = &plan.deployment.candidate().name;
    let reason = format!("{} of the {desired} tasks of `{name}` are healthy", tasks.healthy);
    if window.end >= window.complete_at + seconds(plan.health.metric_delay) {
        return Some(unhealthy(reason));
    }
    Some(Judgement(Verdict::Inconclusive, Next::CheckAgain { seconds: check_interval(plan) }, reason))
}

fn measured(plan: &Plan, answers: Answers) -> Judgement {
    if answers.settled > 0 {
        return Judgement(Verdict::Healthy, Next::Pass, counted(plan, answers));
    }
    let name = &plan.deployment.candidate().name;
    let cause = match (plan.service.protocol, &plan.deployment) {
        (Protocol::Tcp, _) => "tcp has no request counters",
        (_, Deployment::First { .. }) => "nobody has called the first version yet",
        _ => "no request was measured at this weight",
    };
    let (next, then) = match plan.health.on_no_data {
        NoData::Proceed => (Next::Pass, "`OnNoData` is `Proceed`, so this says nothing about its health"),
        NoData::RollBack => (Next::RollBack, "`OnNoData` is `RollBack`"),
    };
    Judgement(Verdict::Inconclusive, next, format!("nothing is known of `{name}`: {cause}; {then}"))
}

fn counted(plan: &Plan, answers: Answers) -> String {
    let name = &plan.deployment.candidate().name;
    let Answers { errors, requests, .. } = answers;
    let threshold = plan.health.failure_threshold_value;
    // A failed gRPC call is an HTTP 200 with a status in its trailer.
    let unseen = if plan.service.protocol == Protocol::Grpc { "; gRPC failures are not among them" } else { "" };
    format!("`{name}` answered {errors} of {requests} requests with 5xx; allowed are {threshold}{unseen}")
}

#[cfg(test)]
mod tests;
