//! Remove Old Version: records the candidate as the live version, then removes the one before it.
//!
//! The record is the point of no return: before it a failure rolls back, after it the old version may be half gone and the
//! new one stays. It comes first so that no stack is deleted while the record still names it.

use canary_core::{
    Error, OffsetDateTime, Result, lock,
    plan::{Deployment, Plan},
    ports::{Locks, Stacks, TrafficRouter, VersionRecords},
    retire::{Retirement, retire},
};
use serde::{Deserialize, Serialize};

/// The plan, and which execution finishes it: the one that it is of, or a later one that repairs what it left.
#[derive(Deserialize)]
pub struct Input {
    plan: Plan,
    execution: String,
}

/// How far the removal is. The new version is recorded in every case.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "status")]
pub enum Output {
    /// CloudFormation is at it: look again later.
    InProgress,
    /// Nothing of the old version is left.
    Removed,
}

/// Takes the next step of making the candidate the only version.
///
/// # Errors
/// `Canary.StillReceivingTraffic` or `Canary.UnexpectedRoute` if not all traffic is on the candidate;
/// `Canary.OldVersionNotRemoved` if CloudFormation could not delete the old stack; otherwise what AWS refused.
pub async fn handle(
    input: Input,
    router: &impl TrafficRouter,
    stacks: &impl Stacks,
    records: &impl VersionRecords,
    locks: &impl Locks,
    now: OffsetDateTime,
) -> Result<Output> {
    let plan = &input.plan;
    // The lock is let go at the end and not before: who lost it had removed everything.
    if lock::lost_to(locks, &plan.service.key(), &input.execution, now).await.is_some() {
        return Ok(Output::Removed);
    }
    has_all_traffic(plan, router).await?;
    record_once(plan, records).await?;
    if let Deployment::Canary { stable, .. } = &plan.deployment {
        match retire(router, stacks, &plan.service, stable).await? {
            Retirement::Gone => {}
            Retirement::InProgress => return Ok(Output::InProgress),
            Retirement::Failed(reasons) => {
                let reasons = reasons.join("; ");
                return Err(Error::OldVersionNotRemoved { stack: stable.stack.clone(), reasons });
            }
        }
    }
    lock::finish(locks, plan).await?;
    Ok(Output::Removed)
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
    let sha = &plan.deployment.candidate().sha;
    let recorded = records.recorded(&plan.service).await?;
    if recorded.is_some_and(|record| record.sha == *sha && record.version >= plan.version) {
        return Ok(());
    }
    records.record(&plan.service, sha).await
}

#[cfg(test)]
mod tests;
