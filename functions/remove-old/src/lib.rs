//! Remove Old Version: records the candidate as the live version, then removes the one before it.
//!
//! The record is the point of no return: before it a failure rolls back, after it the old version may be half gone and the
//! new one stays. It comes first so that no stack is deleted while the record still names it.

use canary_core::{
    Error, OffsetDateTime, Result, lock,
    plan::{Deployment, Plan},
    ports::{Locks, Stacks, TrafficRouter, VersionRecords},
    retire::{Deletions, Retirement, retire},
};
use serde::{Deserialize, Serialize};

/// The plan, which execution finishes it (the one that it is of, or a later one that repairs what it left), and how often the
/// old version's stack was asked to go.
#[derive(Deserialize)]
pub struct Input {
    plan: Plan,
    execution: String,
    deletions: u32,
}

/// How far the removal is. The new version is recorded in every case.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "status")]
pub enum Output {
    /// CloudFormation is at it: look again later.
    InProgress(Deletions),
    /// Nothing of the old version is left.
    Removed,
}

/// Takes the next step of making the candidate the only version.
///
/// # Errors
/// `Canary.StillReceivingTraffic` or `Canary.UnexpectedRoute` if not all traffic is on the candidate;
/// `Canary.OldVersionNotRemoved` if CloudFormation could not delete the old stack, and in a repair also instead of these two;
/// otherwise what AWS refused.
pub async fn handle(
    input: Input,
    router: &impl TrafficRouter,
    stacks: &impl Stacks,
    records: &impl VersionRecords,
    locks: &impl Locks,
    now: OffsetDateTime,
) -> Result<Output> {
    let plan = &input.plan;
    if let Some(other) = lock::lost_to(locks, &plan.service.key(), &input.execution, now).await {
        // The lock is let go at the end: who lost it after that had removed everything.
        return match is_recorded(plan, records).await? {
            true => Ok(Output::Removed),
            false => Err(Error::AlreadyRunning { service: plan.service.microservice_name.clone(), execution: other }),
        };
    }
    let repair = plan.execution != input.execution;
    let removed = remove(plan, router, stacks, records, input.deletions).await;
    let removed = if repair { removed.map_err(|error| naming_the_stack(plan, error)) } else { removed };
    // An old version that has to stay keeps nobody from deploying. A deployment's own plan is left to Roll Back, which says so.
    let finished = match &removed {
        Ok(output) => *output == Output::Removed,
        Err(error) => repair && matches!(error, Error::OldVersionNotRemoved { .. } | Error::UnexpectedRoute { .. }),
    };
    if finished {
        lock::finish(locks, plan, &input.execution).await?;
    }
    removed
}

async fn remove(
    plan: &Plan,
    router: &impl TrafficRouter,
    stacks: &impl Stacks,
    records: &impl VersionRecords,
    deletions: u32,
) -> Result<Output> {
    has_all_traffic(plan, router).await?;
    record_once(plan, records).await?;
    remove_stable(plan, router, stacks, deletions).await
}

/// What a repair has to leave because of a route is the old version's stack, which nothing names once the plan is forgotten.
fn naming_the_stack(plan: &Plan, error: Error) -> Error {
    match (&plan.deployment, error) {
        (
            Deployment::Canary { stable, .. },
            kept @ (Error::StillReceivingTraffic { .. } | Error::UnexpectedRoute { .. }),
        ) => Error::OldVersionNotRemoved { stack: stable.stack.clone(), reasons: kept.to_string() },
        (_, error) => error,
    }
}

async fn remove_stable(
    plan: &Plan,
    router: &impl TrafficRouter,
    stacks: &impl Stacks,
    deletions: u32,
) -> Result<Output> {
    let Deployment::Canary { stable, .. } = &plan.deployment else { return Ok(Output::Removed) };
    match retire(router, stacks, &plan.service, stable, deletions).await? {
        Retirement::Gone => Ok(Output::Removed),
        Retirement::InProgress(deletions) => Ok(Output::InProgress(deletions)),
        Retirement::Failed(reasons) => {
            Err(Error::OldVersionNotRemoved { stack: stable.stack.clone(), reasons: reasons.join("; ") })
        }
    }
}

async fn has_all_traffic(plan: &Plan, router: &impl TrafficRouter) -> Result<()> {
    let candidate = &plan.deployment.candidate().name;
    let live = router.route(&plan.service).await?.unwrap_or_default();
    if live.sole() == Some(candidate) {
        return Ok(());
    }
    Err(Error::UnexpectedRoute {
        service: plan.service.microservice_name.clone(),
        why: format!("it has {live}, and all traffic should be on `{candidate}`"),
    })
}

/// Each write raises the parameter's version, so a second call must not write again.
async fn record_once(plan: &Plan, records: &impl VersionRecords) -> Result<()> {
    if is_recorded(plan, records).await? {
        return Ok(());
    }
    records.record(&plan.service, &plan.deployment.candidate().sha).await
}

async fn is_recorded(plan: &Plan, records: &impl VersionRecords) -> Result<bool> {
    Ok(records.recorded(&plan.service).await?.is_some_and(|record| record.is_of(plan)))
}

#[cfg(test)]
mod tests;
