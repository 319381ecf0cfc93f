//! Gather Health Check Status: counts what the candidate answered since it received traffic, and judges it.

use canary_core::{
    OffsetDateTime, Result,
    health::{Health, Window, judge},
    plan::{Plan, Traffic},
    ports::AnswerCounts,
};
use serde::Deserialize;

/// The plan, and where the traffic is.
#[derive(Deserialize)]
pub struct Input {
    plan: Plan,
    traffic: Traffic,
}

/// Counts and judges.
///
/// # Errors
/// What AWS refused. An unhealthy candidate is a verdict, not an error.
pub async fn handle(input: Input, counts: &impl AnswerCounts, now: OffsetDateTime) -> Result<Health> {
    let Input { plan, traffic } = input;
    let window = Window::of(&plan.health, &traffic, now);
    let answers = counts.answers(&plan, window).await?;
    Ok(judge(&plan, window, answers))
}

#[cfg(test)]
mod tests;
