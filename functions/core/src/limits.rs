//! What Step Functions and CodePipeline let a deployment take, checked before it begins: an execution that runs into a limit is
//! ended where it stands.

use crate::{Error, Result, plan::Plan};

/// Events in the history of one execution.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>
const HISTORY_EVENTS: u64 = 25_000;
/// What is kept of them for retries, and for two more hours of looks at a stack every 15 s: CloudFormation's rollback of one
/// that did not come up, and a removal.
const KEPT_EVENTS: u64 = 5_000;
/// The deploy action of a pipeline waits seven days.
/// <https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-StepFunctions.html>
const PIPELINE_SECONDS: u64 = 7 * 24 * 3600;
/// A stack that is not up after so many minutes is rolled back by CloudFormation: its `TimeoutInMinutes`.
pub const STACK_MINUTES: u8 = 60;
const STACK_SECONDS: u64 = STACK_MINUTES as u64 * 60;
/// Task entered, scheduled, started, succeeded, exited.
const TASK_EVENTS: u64 = 5;
/// A Wait or a Choice: entered, exited.
const STATE_EVENTS: u64 = 2;

/// Refuses a plan that could not be carried out within the limits.
///
/// # Errors
/// `Canary.InvalidInput` with the figure and the limit.
pub fn check(plan: &Plan) -> Result<()> {
    let (steps, poll) = (plan.weights.len() as u64, u64::from(plan.poll_seconds).max(1));
    // Shift, wait, look, is it healthy, is all watched; and as many looks more as data may be late.
    let looks = u64::from(plan.health.data_delay).div_ceil(poll);
    let step = 2 * TASK_EVENTS + 3 * STATE_EVENTS + looks * (TASK_EVENTS + 2 * STATE_EVENTS);
    let stack = STACK_SECONDS.div_ceil(poll) * (TASK_EVENTS + 2 * STATE_EVENTS);
    let events = stack + steps * step;
    if events > HISTORY_EVENTS - KEPT_EVENTS {
        return Err(Error::InvalidInput(format!(
            "`PercentageStep` makes {steps} steps, whose execution may have {events} events in its history: allowed are {} of \
             Step Functions' {HISTORY_EVENTS}, and the rest is for a rollback; take larger steps",
            HISTORY_EVENTS - KEPT_EVENTS
        )));
    }
    // A stack comes up, and one goes.
    let seconds = steps * (u64::from(plan.wait_time) + u64::from(plan.health.data_delay)) + 2 * STACK_SECONDS;
    if seconds > PIPELINE_SECONDS {
        return Err(Error::InvalidInput(format!(
            "`WaitTime` is `{}`: {steps} steps may take {seconds} seconds, and allowed are {PIPELINE_SECONDS}, which is how \
             long a pipeline waits",
            plan.wait_time
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::{
        fakes::canary_plan,
        plan::Pace,
        split::{Weight, steps},
    };

    fn plan(percent: u8, wait_time: u32, poll_seconds: u32) -> Plan {
        Plan { weights: steps(Weight::new(percent).unwrap()), wait_time, poll_seconds, ..canary_plan() }
    }

    #[test]
    fn a_hundred_steps_fit_at_the_usual_pace_and_not_at_any() {
        check(&plan(1, 60, 15)).unwrap();
        let error = check(&plan(1, 60, 2)).unwrap_err();
        assert_eq!(error.name(), "Canary.InvalidInput");
        assert!(error.to_string().contains("makes 100 steps, whose execution may have 98"), "{error}");
    }

    #[test]
    fn a_deployment_longer_than_a_pipeline_waits_is_refused_with_both_figures() {
        check(&plan(25, 24 * 3600, 15)).unwrap();
        let error = check(&plan(25, 2 * 24 * 3600, 15)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`WaitTime` is `172800`: 4 steps may take 699120 seconds, and allowed are 604800, which is how long a pipeline waits"
        );
    }

    /// Events of looking at a stack for so many minutes at the usual pace: the look, a choice, a wait.
    fn looks(minutes: u64) -> u64 {
        (minutes * 60).div_ceil(u64::from(Pace::default().poll_seconds)) * (TASK_EVENTS + 2 * STATE_EVENTS)
    }

    #[test]
    fn a_stack_that_takes_fifty_minutes_fits_with_the_longest_plan_and_one_that_never_comes_up_too() {
        let longest = plan(1, 60, Pace::default().poll_seconds);
        check(&longest).unwrap();
        let late = u64::from(longest.health.data_delay).div_ceil(15) * (TASK_EVENTS + 2 * STATE_EVENTS);
        let steps = longest.weights.len() as u64 * (2 * TASK_EVENTS + 3 * STATE_EVENTS + late);
        assert!(
            looks(50) + steps + looks(50) < HISTORY_EVENTS,
            "made in 50 minutes, every weight late, the old one gone in 50"
        );
        // Its time-out, then CloudFormation's rollback and our deletion, an hour each; and every try of Roll Back there is.
        let retries = 60 * 3;
        assert!(looks(u64::from(STACK_MINUTES) + 60 + 60) + steps + retries < HISTORY_EVENTS);
        assert!(looks(60 + 60) + retries <= KEPT_EVENTS);
    }

    proptest! {
        #[test]
        fn what_is_accepted_fits_the_history_and_the_week(percent in 1u8..=100, wait in 1u32..=604_800, poll in 1u32..=300) {
            let plan = plan(percent, wait, poll);
            if check(&plan).is_ok() {
                let steps = plan.weights.len() as u64;
                prop_assert!(steps * u64::from(wait) < PIPELINE_SECONDS);
                // A stack that takes an hour, and in every step: shift 5, wait 2, look 5, two choices 4.
                prop_assert!(3600 / u64::from(poll) * 9 + steps * 16 <= HISTORY_EVENTS - KEPT_EVENTS);
            }
        }
    }
}
