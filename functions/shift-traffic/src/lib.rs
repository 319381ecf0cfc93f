//! Canary & Switch Traffic: gives the candidate the weight of the present step, and reads it back.

use canary_core::{
    Error, OffsetDateTime, Result,
    plan::{Deployment, Plan},
    ports::TrafficRouter,
    progress::Progress,
    split::{LiveRoute, Weight},
};
use serde::Deserialize;

/// The plan, how far the deployment is, and when this state was entered: a shift that is tried again began at its first try.
#[derive(Deserialize)]
pub struct Input {
    plan: Plan,
    progress: Progress,
    #[serde(with = "time::serde::rfc3339")]
    entered: OffsetDateTime,
}

/// What to do about the route as it is.
enum Step {
    Create,
    /// It is as this deployment left it.
    SetSplit(LiveRoute),
    Nothing,
}

/// Sets the present step's weight, reads it back and returns the new progress. `clock` is read when the weight has been read back.
///
/// # Errors
/// `Canary.UnexpectedRoute` if the route is not this deployment's to change, `Canary.ShiftNotApplied` if it does not report
/// the new weights; otherwise what AWS refused.
pub async fn handle(input: Input, router: &impl TrafficRouter, clock: impl Fn() -> OffsetDateTime) -> Result<Progress> {
    let Input { plan, progress, entered } = input;
    let target = progress.present(&plan, "shift-traffic")?;
    let service = &plan.service;
    let wanted = plan.deployment.split(target.weight);
    match step(&plan, router.route(service).await?, progress.weight, target.weight)? {
        Step::Create => router.create(service, &wanted).await?,
        Step::SetSplit(found) => router.set_split(service, &found, &wanted).await?,
        Step::Nothing => {}
    }
    let found = router.route(service).await?.unwrap_or_default();
    if !found.carries(&wanted) {
        return Err(Error::ShiftNotApplied {
            service: service.microservice_name.clone(),
            wanted: wanted.to_string(),
            found: found.to_string(),
        });
    }
    let target = *target;
    Ok(progress.shifted(&target, entered, clock()))
}

/// Only a route that is as this deployment left it is changed; what else is on it was put there by somebody else meanwhile.
fn step(plan: &Plan, live: Option<LiveRoute>, before: Weight, target: Weight) -> Result<Step> {
    let unexpected = |why: String| Error::UnexpectedRoute { service: plan.service.microservice_name.clone(), why };
    match (&plan.deployment, live) {
        (_, Some(live)) if live.carries(&plan.deployment.split(target)) => Ok(Step::Nothing),
        (Deployment::First { .. }, None) => Ok(Step::Create),
        (Deployment::First { .. }, Some(live)) => {
            Err(unexpected(format!("a first deployment found it with {live}; somebody else made it")))
        }
        (Deployment::Canary { stable, .. }, None) => {
            Err(unexpected(format!("it is gone; `{}` had its traffic", stable.name)))
        }
        (Deployment::Canary { stable, .. }, Some(live)) => {
            let left = plan.deployment.split(before);
            let untouched = before == Weight::NONE && live.sole() == Some(&stable.name);
            match untouched || live.carries(&left) {
                true => Ok(Step::SetSplit(live)),
                false => Err(unexpected(format!("it has {live}, and this deployment left it with {left}"))),
            }
        }
    }
}

#[cfg(test)]
mod tests;
