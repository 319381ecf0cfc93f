//! Canary & Switch Traffic: gives the candidate the absolute weight it is told, and reads it back.

use canary_core::{
    Error, OffsetDateTime, Result,
    plan::{Deployment, Plan, Traffic},
    ports::TrafficRouter,
    split::{LiveRoute, Weight},
};
use serde::Deserialize;

/// The plan, and where the traffic is.
#[derive(Deserialize)]
pub struct Input {
    plan: Plan,
    traffic: Traffic,
}

/// What to do about the route as it is.
enum Step {
    Create,
    /// It is as this deployment left it.
    SetSplit(LiveRoute),
    Nothing,
}

/// Sets the target weight and answers where the traffic is now.
///
/// # Errors
/// `Canary.UnexpectedRoute` if the route is not this deployment's to change, `Canary.ShiftNotApplied` if it does not report
/// the new weights; otherwise what AWS refused.
pub async fn handle(input: Input, router: &impl TrafficRouter, now: OffsetDateTime) -> Result<Traffic> {
    let Input { plan, traffic } = input;
    let weight = traffic.target.ok_or_else(|| Error::InvalidState {
        function: "shift-traffic",
        why: "`traffic.target` is null: all traffic was shifted".to_owned(),
    })?;
    let service = &plan.service;
    let wanted = plan.deployment.split(weight);

    match step(&plan, router.route(service).await?, traffic.weight, weight)? {
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
    Ok(Traffic { weight, target: plan.next(weight), since: traffic.since.or(Some(now)), shifted_at: Some(now) })
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
