//! Gather Health Check Status: counts what the candidate answered since it received traffic, asks for its stack and its tasks, and
//! judges it.

use canary_core::{
    OffsetDateTime, Result,
    health::{Answers, Window, judge},
    plan::Plan,
    ports::{AnswerCounts, Stacks, TaskStates},
    progress::Progress,
    tasks::{Capacity, capacity},
};
use serde::Deserialize;

/// The plan, and how far the deployment is.
#[derive(Deserialize)]
pub struct Input {
    plan: Plan,
    progress: Progress,
}

/// Counts, asks and judges. The new progress says what follows.
///
/// # Errors
/// What AWS refused. An unhealthy candidate is a verdict, not an error.
pub async fn handle(
    input: Input,
    counts: &impl AnswerCounts,
    stacks: &impl Stacks,
    states: &impl TaskStates,
    now: OffsetDateTime,
) -> Result<Progress> {
    let Input { plan, progress } = input;
    let window = Window::of(&plan.health, progress.present(&plan, "gather-health")?, &progress, now);
    let candidate = plan.deployment.candidate();
    let capacity = capacity(stacks, states, &plan.service, candidate, progress.since.unwrap_or(now)).await;
    let answers = counts.answers(&plan, window).await;
    // Bad news of one kind does not wait for an AWS service that would tell of the other kind.
    let (capacity, answers) = match (capacity, answers) {
        (Ok(capacity), Err(_)) if capacity.is_bad() => (capacity, Answers::default()),
        (Err(_), Ok(answers)) if answers.are_bad(&plan.health) => (Capacity::NoService, answers),
        (capacity, answers) => (capacity?, answers?),
    };
    let (check, next) = judge(&plan, &progress, window, answers, &capacity);
    Ok(progress.checked(&plan, check, next))
}

#[cfg(test)]
mod tests;
