//! Remove Old Version: removes the version before the candidate, which is recorded and has all traffic. The request for its
//! deletion is the point of no return.

use canary_core::{
    Error, OffsetDateTime, Result, lock,
    plan::Plan,
    ports::{Locks, Stacks, TaskStates, TrafficRouter, VersionRecords},
    retire::{Deletions, Retirement, retire},
    service::{Service, Version},
    tasks::capacity,
};
use serde::{Deserialize, Serialize};

/// The plan, which execution finishes it (its own, or a later one that repairs what it left), and how many times the deletion of
/// the old version's stack was requested.
#[derive(Deserialize)]
pub struct Input {
    plan: Plan,
    execution: String,
    deletions: u32,
}

/// How far the removal is.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "status")]
pub enum Output {
    /// Deletion in progress: poll again later.
    InProgress(Deletions),
    /// Nothing of the old version is left.
    Removed,
}

/// Where the old version and the candidate are looked up.
pub struct Ports<'a, Router, S, States, Records, Held> {
    /// What sends traffic where.
    pub router: &'a Router,
    /// The versions' stacks.
    pub stacks: &'a S,
    /// The candidate's tasks.
    pub states: &'a States,
    /// Which version is recorded.
    pub records: &'a Records,
    /// Who may deploy the service.
    pub locks: &'a Held,
}

/// Takes the next step of making the candidate the only version.
///
/// # Errors
/// `Canary.StillReceivingTraffic` or `Canary.UnexpectedRoute` if not all traffic is on the candidate;
/// `Canary.CandidateNotRunning` if the candidate has no healthy task; `Canary.OldVersionNotRemoved` if CloudFormation could not
/// delete the old stack; otherwise what AWS refused.
pub async fn handle<Router, S, States, Records, Held>(
    input: Input,
    ports: Ports<'_, Router, S, States, Records, Held>,
    now: OffsetDateTime,
) -> Result<Output>
where
    Router: TrafficRouter,
    S: Stacks,
    States: TaskStates,
    Records: VersionRecords,
    Held: Locks,
{
    let Input { plan, execution, deletions } = input;
    let service = &plan.service;
    if let Some(other) = lock::current_holder(ports.locks, &service.key(), &execution, now).await {
        // The lock is released at the end: an execution that lost it after that had removed everything.
        let recorded = ports.records.recorded(&service.version_parameter()).await?;
        return match recorded.is_some_and(|record| record.is_of(&plan)) {
            true => Ok(Output::Removed),
            false => Err(Error::AlreadyRunning { service: service.microservice_name.clone(), execution: other }),
        };
    }
    let output = match plan.deployment.stable() {
        None => Output::Removed,
        Some(stable) => remove(&plan, stable, &ports, deletions, now).await?,
    };
    if output == Output::Removed {
        lock::finish(ports.locks, &plan, &execution).await?;
    }
    Ok(output)
}

async fn remove<Router, S, States, Records, Held>(
    plan: &Plan,
    stable: &Version,
    ports: &Ports<'_, Router, S, States, Records, Held>,
    deletions: u32,
    now: OffsetDateTime,
) -> Result<Output>
where
    Router: TrafficRouter,
    S: Stacks,
    States: TaskStates,
{
    let (service, candidate) = (&plan.service, plan.deployment.candidate());
    ports.router.route(service).await?.unwrap_or_default().require_all_on(service, candidate)?;
    if deletions == 0 && can_still_serve(service, stable, ports.stacks).await? {
        let capacity = capacity(ports.stacks, ports.states, service, candidate, now).await?;
        if let Some(why) = capacity.nothing_runs(&candidate.name) {
            return Err(Error::CandidateNotRunning { stable: stable.name.clone(), why });
        }
    }
    match retire(ports.router, ports.stacks, service, stable, deletions).await? {
        Retirement::Gone => Ok(Output::Removed),
        Retirement::InProgress(deletions) => Ok(Output::InProgress(deletions)),
        Retirement::Failed(reasons) => {
            Err(Error::OldVersionNotRemoved { stack: stable.stack.clone(), reasons: reasons.join("; ") })
        }
    }
}

/// Whether the old version could take the traffic back.
async fn can_still_serve(service: &Service, stable: &Version, stacks: &impl Stacks) -> Result<bool> {
    Ok(stacks.describe(&stable.stack).await?.is_some_and(|stack| stack.can_be_of(service) && stack.can_serve()))
}

#[cfg(test)]
mod tests;
