//! Remove Old Version: records the candidate as the live version, then removes the one before it.
//!
//! The record is the point of no return: before it a failure rolls back, after it the old version may be half gone and the
//! new one stays. It comes first so that no stack is deleted while the record still names it.

use canary_core::{
    Error, Result,
    plan::{Deployment, Plan},
    ports::{Stacks, TrafficRouter, VersionRecords},
    retire::{Retirement, retire},
};
use serde::{Deserialize, Serialize};

/// The plan.
#[derive(Deserialize)]
pub struct Input {
    plan: Plan,
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
) -> Result<Output> {
    let plan = &input.plan;
    has_all_traffic(plan, router).await?;
    record_once(plan, records).await?;
    let Deployment::Canary { stable, .. } = &plan.deployment else { return Ok(Output::Removed) };
    match retire(router, stacks, &plan.service, stable).await? {
        Retirement::Gone => Ok(Output::Removed),
        Retirement::InProgress => Ok(Output::InProgress),
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
    let sha = &plan.deployment.candidate().sha;
    let recorded = records.recorded(&plan.service).await?;
    if recorded.is_some_and(|record| record.sha == *sha && record.version >= plan.version) {
        return Ok(());
    }
    records.record(&plan.service, sha).await
}

#[cfg(test)]
mod tests;
