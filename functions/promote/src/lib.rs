//! Record New Version: records the candidate as the live version. Deletes nothing: the old version stays until Remove Old Version,
//! so a candidate that turns out bad in between can still be taken back.

use canary_core::{
    Error, OffsetDateTime, Result, lock,
    plan::Plan,
    ports::{Locks, TrafficRouter, VersionRecords},
    progress::{Phase, Progress},
};
use serde::Deserialize;

/// The plan, how far the deployment is, and which execution asks.
#[derive(Deserialize)]
pub struct Input {
    plan: Plan,
    progress: Progress,
    execution: String,
}

/// Records the candidate, once.
///
/// # Errors
/// `Canary.UnexpectedRoute` if not all traffic is on the candidate; `Canary.AlreadyRunning` if another execution took the service
/// over; otherwise what AWS refused.
pub async fn handle(
    input: Input,
    router: &impl TrafficRouter,
    records: &impl VersionRecords,
    locks: &impl Locks,
    now: OffsetDateTime,
) -> Result<Progress> {
    let Input { plan, progress, execution } = input;
    let service = &plan.service;
    let recorded = records.recorded(&service.version_parameter()).await?.is_some_and(|record| record.is_of(&plan));
    if !recorded {
        if let Some(execution) = lock::current_holder(locks, &service.key(), &execution, now).await {
            return Err(Error::AlreadyRunning { service: service.microservice_name.clone(), execution });
        }
        router.route(service).await?.unwrap_or_default().require_all_on(service, plan.deployment.candidate())?;
        // Each write raises the parameter's version, so a second call must not write again.
        records.record(service, &plan.deployment.candidate().sha).await?;
    }
    Ok(Progress { phase: Phase::Retiring, ..progress })
}

#[cfg(test)]
mod tests;
