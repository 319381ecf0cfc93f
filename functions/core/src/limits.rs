//! What Step Functions and CodePipeline let a deployment take, checked before it begins: an execution that runs into a limit is
//! ended where it stands.

use time::Duration;

use crate::{
    Error, Result,
    health::{check_interval, longest_delay},
    plan::Plan,
    service::Service,
};

/// Events in the history of one execution.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>
const HISTORY_EVENTS: u64 = 25_000;
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
/// A poll or a check: its task, the choice after it, and the wait before the next one.
const POLL_EVENTS: u64 = TASK_EVENTS + 2 * STATE_EVENTS;
/// The most polls counted for a deletion, for which CloudFormation has no time limit. An hour of polls counts if it has fewer.
const DELETION_POLLS: u64 = 300;
/// The most polls of the lock that another deployment holds.
const QUEUE_POLLS: u32 = 200;
/// A check that falls just before the data are complete is followed by one a few seconds later.
const LAST_SECONDS_CHECKS: u64 = 1;
/// Data points of less than a minute are kept for three hours.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>
const FINE_DATA_SECONDS: u64 = 3 * 3600;
const MINUTE: u64 = 60;
/// What is kept for tasks that are tried again.
const RETRY_EVENTS: u64 = 500;

/// Refuses a plan that could not be carried out within the limits, `waited` after the execution was started.
///
/// # Errors
/// `Canary.InvalidInput` with the figure and the limit.
pub fn check(plan: &Plan, waited: Duration) -> Result<()> {
    let (steps, poll) = (plan.steps.len() as u64, u64::from(plan.poll_seconds).max(1));
    let events = STACK_SECONDS.div_ceil(poll) * POLL_EVENTS + steps * step_events(plan);
    let allowed = HISTORY_EVENTS.saturating_sub(kept(poll));
    if events > allowed {
        return Err(Error::invalid(
            "PercentageStep",
            format!(
                "makes {steps} steps, whose execution may have {events} events in its history, with a poll every {poll} s"
            ),
            format!(
                "allowed are {allowed} of Step Functions' {HISTORY_EVENTS}, and the rest is for a queue, a repair and a \
                 rollback; take larger steps"
            ),
        ));
    }
    let longest_step = plan.steps.iter().map(|step| step.watch_seconds).max().unwrap_or(0);
    let window = u64::from(longest_step.max(plan.health.failure_threshold_time)) + longest_delay(&plan.health);
    if u64::from(plan.health.metric_period) < MINUTE && window > FINE_DATA_SECONDS {
        let (field, value) = match longest_step > plan.health.failure_threshold_time {
            true => ("WaitTime", longest_step),
            false => ("FailureThresholdTime", plan.health.failure_threshold_time),
        };
        return Err(Error::invalid(
            field,
            format!("is `{value}`"),
            format!(
                "with data points of {} s a check may look back {window} seconds, and allowed are {FINE_DATA_SECONDS}, which is \
                 how long CloudWatch keeps data points of less than a minute",
                plan.health.metric_period
            ),
        ));
    }
    let waited = u64::try_from(waited.whole_seconds()).unwrap_or(0);
    let watched: u64 = plan.steps.iter().map(|step| u64::from(step.watch_seconds)).sum();
    // A stack comes up, and one goes.
    let seconds = waited + watched + steps * longest_delay(&plan.health) + 2 * STACK_SECONDS;
    if seconds > PIPELINE_SECONDS {
        let wait_time = plan.steps.iter().map(|step| step.watch_seconds).max().unwrap_or(0);
        return Err(Error::invalid(
            "WaitTime",
            format!("is `{wait_time}`"),
            format!(
                "{steps} steps may take {seconds} seconds, and allowed are {PIPELINE_SECONDS}, which is how long a pipeline waits"
            ),
        ));
    }
    Ok(())
}

/// Events of one step: its shift, its watch time and first check, and as many checks more as data and tasks may be late.
fn step_events(plan: &Plan) -> u64 {
    let late = longest_delay(&plan.health).div_ceil(u64::from(check_interval(plan))) + LAST_SECONDS_CHECKS;
    TASK_EVENTS + POLL_EVENTS + late * POLL_EVENTS
}

/// Events that a plan may not have: a queue, then a repair of what an earlier deployment left, each task tried again now and
/// then, and at the end one deletion, of the old version or of the candidate.
fn kept(poll: u64) -> u64 {
    let deletion = STACK_SECONDS.div_ceil(poll).min(DELETION_POLLS) * POLL_EVENTS;
    u64::from(QUEUE_POLLS) * POLL_EVENTS + 2 * deletion + RETRY_EVENTS
}

/// Refuses to queue any longer behind `execution`, whose lock is polled every `poll_seconds`.
///
/// # Errors
/// `Canary.QueuedTooLong` with both figures.
pub fn queue(service: &Service, execution: &str, waited: Duration, poll_seconds: u32) -> Result<()> {
    let (waited, allowed) = (waited.whole_seconds(), i64::from(poll_seconds) * i64::from(QUEUE_POLLS));
    if waited < allowed {
        return Ok(());
    }
    let (service, execution) = (service.microservice_name.clone(), execution.to_owned());
    Err(Error::QueuedTooLong { service, execution, waited, allowed })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::{
        fakes::canary_plan,
        plan::{HealthPolicy, Step, Timing},
        request::PLAN_BYTES,
        split::{Weight, weights},
    };

    fn plan(percent: u8, wait_time: u32, poll_seconds: u32) -> Plan {
        let steps = weights(Weight::new(percent).unwrap());
        let steps = steps.into_iter().map(|weight| Step { weight, watch_seconds: wait_time }).collect();
        Plan { steps, poll_seconds, ..canary_plan() }
    }

    /// Promise 14.
    #[test]
    fn a_hundred_steps_fit_at_the_usual_pace_and_not_at_any() {
        check(&plan(1, 60, 15), Duration::ZERO).unwrap();
        let error = check(&plan(1, 60, 2), Duration::ZERO).unwrap_err();
        assert_eq!(error.name(), "Canary.InvalidInput");
        assert!(error.to_string().contains("makes 100 steps, whose execution may have 24800 events"), "{error}");
        assert!(error.to_string().contains("allowed are 17300 of Step Functions' 25000"), "{error}");
    }

    /// Promise 14.
    #[test]
    fn a_deployment_longer_than_a_pipeline_waits_is_refused_with_both_figures() {
        check(&plan(25, 24 * 3600, 15), Duration::ZERO).unwrap();
        let error = check(&plan(25, 2 * 24 * 3600, 15), Duration::ZERO).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`WaitTime` is `172800`: 4 steps may take 700080 seconds, and allowed are 604800, which is how long a pipeline waits"
        );
    }

    #[test]
    fn a_check_that_would_look_back_further_than_fine_data_are_kept_is_refused() {
        let fine = |wait_time| {
            let mut plan = plan(100, wait_time, 15);
            plan.health.metric_period = 10;
            check(&plan, Duration::ZERO)
        };
        fine(10_000).unwrap();
        let error = fine(10_800).unwrap_err().to_string();
        assert!(error.starts_with("`WaitTime` is `10800`: with data points of 10 s a check may look back"), "{error}");
        check(&plan(100, 10_800, 15), Duration::ZERO).unwrap();
    }

    /// Events of polling a stack for so many minutes at the default interval.
    fn polls(minutes: u64) -> u64 {
        (minutes * 60).div_ceil(u64::from(Timing::default().poll_seconds)) * POLL_EVENTS
    }

    /// Promise 19.
    #[test]
    fn a_stack_that_takes_fifty_minutes_fits_with_the_longest_plan_and_one_that_never_comes_up_too() {
        let poll = Timing::default().poll_seconds;
        let longest = plan(1, 60, poll);
        check(&longest, Duration::ZERO).unwrap();
        let steps = longest.steps.len() as u64 * step_events(&longest);
        assert!(
            polls(50) + steps + polls(50) < HISTORY_EVENTS,
            "made in 50 minutes, every weight late, the old one gone in 50"
        );
        // Its time-out, then CloudFormation's rollback and our deletion, an hour each; and every try of Roll Back there is.
        let retries = 60 * 3;
        assert!(polls(u64::from(STACK_MINUTES) + 60 + 60) + steps + retries < HISTORY_EVENTS);
        assert!(polls(60 + 60) + retries <= kept(u64::from(poll)));
    }

    /// An execution as long as it can get, state by state: its events and its seconds.
    fn longest(plan: &Plan) -> (u64, u64) {
        let (mut events, mut seconds) = (2, 0);
        let poll = u64::from(plan.poll_seconds);
        let mut polls = |most: u64| (0..most).for_each(|_| events += 5 + 2 + 2);
        polls(200);
        let deletion = 3600_u64.div_ceil(poll).min(300);
        // A repair; the candidate's creation; a removal or a rollback.
        for most in [deletion, 3600_u64.div_ceil(poll), deletion] {
            polls(most);
        }
        let HealthPolicy { metric_period, metric_delay, .. } = plan.health;
        for step in &plan.steps {
            // A data point begins up to two periods after the shift, lasts one and is late; then ECS may replace a task.
            let late = 3 * u64::from(metric_period) + 2 * u64::from(metric_delay);
            polls(late.div_ceil(u64::from(metric_period.max(plan.poll_seconds))) + 1);
            seconds += u64::from(step.watch_seconds) + late;
        }
        // Each step's shift, wait, check and choice; the plan, what comes first; the record, the end.
        events += plan.steps.len() as u64 * (5 + 2 + 5 + 2) + 7 + 6;
        (events, seconds + 3600)
    }

    proptest! {
        /// Promise 14.
        #[test]
        fn what_is_accepted_fits_the_history_and_the_week(
            percent in 1u8..=100, wait in 1u32..=604_800, poll in 2u32..=300, metric_period in 1u32..=60,
            metric_delay in 0u32..=600,
            waited in 0i64..=12_000,
        ) {
            let plan = Plan { health: HealthPolicy { metric_period, metric_delay, ..canary_plan().health }, ..plan(percent, wait, poll) };
            if check(&plan, Duration::seconds(waited)).is_ok() {
                let (events, seconds) = longest(&plan);
                prop_assert!(events <= 25_000, "{events}");
                prop_assert!(seconds + waited as u64 <= 604_800, "{seconds}");
            }
        }

        #[test]
        fn a_plan_fits_beside_the_largest_input(
            service in "[a-zA-Z][a-zA-Z0-9-]{99}", namespace in "[a-z.]{253}", image in "[!-~]{512}", arn in "\\PC{400}",
            percent in 1u8..=100,
        ) {
            let mut plan = Plan { execution: arn, container_image: image, ..plan(percent, 604_800, 15) };
            plan.service.microservice_name = service.clone();
            plan.service.environment_name = service;
            plan.service.namespace = namespace;
            prop_assert!(serde_json::to_string(&plan).unwrap().len() < PLAN_BYTES);
        }
    }
}
