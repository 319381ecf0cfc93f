//! How far a deployment is: a cursor into the plan's steps, and what happens there.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use crate::{
    Error, Result,
    health::Check,
    plan::{Plan, Step},
    split::Weight,
};

/// Checks that stay in the state machine's data.
const CHECKS: usize = 5;

/// What a deployment does at the moment. The state machine chooses its next state by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// The candidate's stack comes up. Ends when the stack is ready; CloudFormation gives up after 60 minutes.
    Deploying,
    /// The present step's weight is to be set. Ends when the router reports it.
    Shifting,
    /// The present step's weight is set. Ends with a verdict, at the latest when all data of the watch time is there.
    Watching,
    /// The present step's verdict is that the candidate is bad. Ends with a rollback.
    Unhealthy,
    /// Every step has passed. Ends when the candidate is recorded.
    Promoting,
    /// The candidate is recorded. Ends when the old version's stack is gone.
    Retiring,
    /// An earlier execution left the deployment, and nobody knows how far it was.
    Interrupted,
}

impl Phase {
    /// Whether the candidate can be the recorded version.
    #[must_use]
    pub fn may_be_recorded(self) -> bool {
        matches!(self, Self::Promoting | Self::Retiring | Self::Interrupted)
    }

    /// The phase of a progress, or [`Self::Interrupted`] where it cannot be read: an answer that the state machine did not
    /// understand stands in the progress's place, and the deployment has to be taken back all the same.
    ///
    /// # Errors
    /// None for JSON.
    pub fn as_far_as_known<'de, D: Deserializer<'de>>(progress: D) -> std::result::Result<Self, D::Error> {
        let progress = Value::deserialize(progress)?;
        Ok(progress.get("phase").and_then(|phase| Self::deserialize(phase).ok()).unwrap_or(Self::Interrupted))
    }
}

/// How far a deployment is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// What happens at the moment.
    pub phase: Phase,
    /// Index of the present step in the plan's steps, from 0.
    pub step: usize,
    /// The candidate's weight that was set and read back last.
    pub weight: Weight,
    /// When the first shift began: the candidate received no traffic before.
    #[serde(with = "time::serde::rfc3339::option")]
    pub since: Option<OffsetDateTime>,
    /// When the shift to this weight began: a shift that is tried again began at its first try.
    #[serde(with = "time::serde::rfc3339::option")]
    pub shifted_at: Option<OffsetDateTime>,
    /// When the router reported this weight: from then on the candidate certainly has it.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub reported_at: Option<OffsetDateTime>,
    /// Seconds until the next check.
    pub wait_seconds: u32,
    /// What the last check found, in a sentence.
    pub reason: String,
    /// The last five checks of the candidate's health, the newest last.
    #[serde(default)]
    pub checks: Vec<Check>,
}

impl Progress {
    /// A deployment in `phase` that has moved no traffic yet.
    #[must_use]
    pub fn begin(phase: Phase) -> Self {
        Self {
            phase,
            step: 0,
            weight: Weight::NONE,
            since: None,
            shifted_at: None,
            reported_at: None,
            wait_seconds: 0,
            reason: String::new(),
            checks: Vec::new(),
        }
    }

    /// The present step.
    ///
    /// # Errors
    /// `Canary.InvalidState` if the plan has no such step.
    pub fn present<'a>(&self, plan: &'a Plan, function: &'static str) -> Result<&'a Step> {
        plan.steps.get(self.step).ok_or_else(|| Error::InvalidState {
            function,
            why: format!(
                "`progress.step` is {} and the plan has {} steps, counted from 0",
                self.step,
                plan.steps.len()
            ),
        })
    }

    /// The shift to the present step's weight began at `began`, and the router reported it at `reported`.
    #[must_use]
    pub fn shifted(self, step: &Step, began: OffsetDateTime, reported: OffsetDateTime) -> Self {
        Self {
            phase: Phase::Watching,
            weight: step.weight,
            since: self.since.or(Some(began)),
            shifted_at: Some(began),
            reported_at: Some(reported),
            wait_seconds: step.watch_seconds,
            ..self
        }
    }

    /// The candidate was checked: what follows from it.
    #[must_use]
    pub fn checked(mut self, plan: &Plan, check: Check, next: Next) -> Self {
        self.reason.clone_from(&check.reason);
        self.checks.push(check);
        let surplus = self.checks.len().saturating_sub(CHECKS);
        self.checks.drain(..surplus);
        match next {
            Next::CheckAgain { seconds } => self.wait_seconds = seconds,
            Next::RollBack => self.phase = Phase::Unhealthy,
            Next::Pass if self.step + 1 < plan.steps.len() => {
                self.step += 1;
                self.phase = Phase::Shifting;
            }
            Next::Pass => self.phase = Phase::Promoting,
        }
        self
    }
}

/// What follows from a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The step has passed.
    Pass,
    /// Keep the weight and check again.
    CheckAgain {
        /// In how many seconds.
        seconds: u32,
    },
    /// Take the candidate back.
    RollBack,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::fakes::{SHIFTED, canary_plan, check};

    fn passing(times: usize) -> Progress {
        let plan = canary_plan();
        (0..times).fold(Progress::begin(Phase::Deploying), |progress, _| {
            let step = progress.present(&plan, "test").unwrap();
            progress.shifted(step, SHIFTED, SHIFTED).checked(&plan, check("fine"), Next::Pass)
        })
    }

    /// Promise 1.
    #[test]
    fn each_passed_step_leads_to_the_next_weight_and_the_last_to_promotion() {
        let phases: Vec<_> = (1..=4).map(|times| (passing(times).phase, passing(times).step)).collect();
        assert_eq!(phases, [(Phase::Shifting, 1), (Phase::Shifting, 2), (Phase::Shifting, 3), (Phase::Promoting, 3)]);
        assert_eq!(passing(4).weight, Weight::ALL);
    }

    #[test]
    fn a_step_that_the_plan_does_not_have_is_an_error() {
        let beyond = Progress { step: 4, ..passing(4) };
        let error = beyond.present(&canary_plan(), "shift-traffic").unwrap_err();
        assert_eq!(error.name(), "Canary.InvalidState");
        assert!(
            error.to_string().ends_with("`progress.step` is 4 and the plan has 4 steps, counted from 0"),
            "{error}"
        );
    }

    #[test]
    fn the_last_five_checks_stay_and_the_newest_is_last() {
        let plan = canary_plan();
        let watched = (1..=7).fold(passing(0), |progress, nth| {
            progress.checked(&plan, check(&format!("check {nth}")), Next::CheckAgain { seconds: 15 })
        });
        let reasons: Vec<_> = watched.checks.iter().map(|check| check.reason.as_str()).collect();
        assert_eq!(reasons, ["check 3", "check 4", "check 5", "check 6", "check 7"]);
        assert_eq!((watched.reason.as_str(), watched.wait_seconds), ("check 7", 15));
    }

    #[test]
    fn the_time_of_the_first_traffic_is_kept_over_later_steps() {
        let later = SHIFTED + time::Duration::MINUTE;
        let plan = canary_plan();
        let second = passing(1).shifted(&plan.steps[1], later, later);
        assert_eq!((second.since, second.shifted_at), (Some(SHIFTED), Some(later)));
    }
}
