//! Roll Back: puts all traffic back on the stable version, verifies it, and only then removes the candidate. From any point,
//! and any number of times.

mod decision;

use canary_core::{
    Error, OffsetDateTime, Result,
    error::{INTERRUPTED, delete_command},
    failure::Failure,
    lock,
    plan::{Deployment, Plan},
    ports::{Locks, Stacks, TrafficRouter, VersionRecords},
    progress::Phase,
    retire::{Deletions, Retirement, retire},
    service::Version,
    split::LiveRoute,
};
use serde::{Deserialize, Serialize};

use decision::{Move, decide};

/// The plan; the phase that the deployment is known to be in; why it failed; which execution takes it back (its own, or a later
/// one that repairs what it left); and how many times the deletion of the candidate's stack was requested.
#[derive(Deserialize)]
pub struct Input {
    plan: Plan,
    #[serde(rename = "progress", deserialize_with = "Phase::as_far_as_known")]
    phase: Phase,
    failure: Failure,
    execution: String,
    deletions: u32,
}

/// How far the rollback is.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "status")]
pub enum Output {
    /// Traffic is safe; CloudFormation is deleting the candidate's stack: poll again later.
    InProgress(Deletions),
    /// Everything is as it was before.
    RolledBack(Outcome),
    /// A repair found the candidate recorded: what is left to do is to remove the old version.
    Promoted(Deletions),
    /// The candidate is recorded as the live version and stays, and so does the old version's stack.
    OldVersionKept(Outcome),
}

/// What the execution ends with.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The name of the error that the deployment failed with.
    pub error: String,
    /// What stands now, what is left to do, and what failed.
    pub summary: String,
}

/// Takes the next step back.
///
/// # Errors
/// `Canary.ShiftNotApplied` if the router does not report the restored weights, `Canary.RollbackIncomplete` if traffic or stack
/// cannot be put back; otherwise what AWS refused.
pub async fn handle(
    input: Input,
    router: &impl TrafficRouter,
    stacks: &impl Stacks,
    records: &impl VersionRecords,
    locks: &impl Locks,
    now: OffsetDateTime,
) -> Result<Output> {
    let Input { plan, phase, failure, execution, deletions } = input;
    if let Some(other) = lock::current_holder(locks, &plan.service.key(), &execution, now).await {
        let by = format!("`{other}` has taken the service over");
        return taken_over(&plan, &failure, &execution, &by, router, stacks, records).await;
    }
    let live = router.route(&plan.service).await?;
    // A bad candidate loses its traffic whether it is recorded or not, and does not wait for SSM.
    let keeps = !failure.blames_candidate() && is_recorded(&plan, phase, records).await?;
    let restorable = can_take_traffic(&plan, live.as_ref(), stacks).await?;

    let live = match decide(&plan.deployment, live.as_ref(), keeps, restorable) {
        Move::None => live,
        Move::SetSplit(split) => {
            router.set_split(&plan.service, &live.unwrap_or_default(), &split).await?;
            let found = router.route(&plan.service).await?;
            let applied = found.as_ref().is_some_and(|found| found.carries(&split));
            verify(&plan, applied, &split.to_string(), found.as_ref())?;
            found
        }
        Move::RemoveRoute => {
            router.remove(&plan.service).await?;
            let found = router.route(&plan.service).await?;
            verify(&plan, found.is_none(), "no route", found.as_ref())?;
            found
        }
        Move::Keep(_) if failure.error == INTERRUPTED => return Ok(Output::Promoted(Deletions { deletions })),
        Move::Keep(why) => return keep(&plan, &failure, &why, locks, &execution).await,
        Move::Stop(why) => return Err(Error::RollbackIncomplete(failure.after(&why))),
    };
    take_back_record(&plan, phase, records).await?;
    let restored = restored(&plan, live.as_ref());

    let why = match retire_candidate(&plan, router, stacks, deletions).await {
        Ok(Retirement::InProgress(deletions)) => return Ok(Output::InProgress(deletions)),
        Ok(Retirement::Gone) => {
            lock::finish(locks, &plan, &execution).await?;
            return Ok(Output::RolledBack(outcome(&failure, &restored)));
        }
        Ok(Retirement::Failed(reasons)) => reasons.join("; "),
        Err(error @ Error::StillReceivingTraffic { .. }) => error.to_string(),
        Err(error) => return Err(error),
    };
    // The traffic is where it belongs: a stack that cannot be deleted does not block deployments.
    lock::finish(locks, &plan, &execution).await?;
    let left = format!("{restored}, but {}", left(plan.deployment.candidate(), &why));
    Err(Error::RollbackIncomplete(failure.after(&left)))
}

fn outcome(failure: &Failure, stands: &str) -> Outcome {
    Outcome { error: failure.name().to_owned(), summary: failure.after(stands) }
}

/// Whether the candidate is recorded as the live version.
async fn is_recorded(plan: &Plan, phase: Phase, records: &impl VersionRecords) -> Result<bool> {
    if !phase.may_be_recorded() {
        return Ok(false);
    }
    let record = records.recorded(&plan.service.version_parameter()).await?;
    Ok(record.is_some_and(|record| record.is_of(plan)))
}

/// Records the stable version again if the candidate is recorded. The traffic has moved before, and no stack is deleted while the
/// record names it.
async fn take_back_record(plan: &Plan, phase: Phase, records: &impl VersionRecords) -> Result<()> {
    match plan.deployment.stable() {
        Some(stable) if is_recorded(plan, phase, records).await? => records.record(&plan.service, &stable.sha).await,
        _ => Ok(()),
    }
}

/// The candidate stays. If what failed is transient, the plan stays in the lock and the next deployment or a repair goes on with
/// the removal; otherwise the removal is a person's, and does not block deployments.
async fn keep(plan: &Plan, failure: &Failure, why: &str, locks: &impl Locks, execution: &str) -> Result<Output> {
    let left = if failure.is_transient() {
        match plan.deployment {
            Deployment::First { .. } => "; the next deployment or a repair finishes this one".to_owned(),
            Deployment::Canary { .. } => "; the next deployment or a repair removes the version before it".to_owned(),
        }
    } else {
        lock::finish(locks, plan, execution).await?;
        still_to_go(plan, failure)
    };
    kept(plan, failure, execution, &format!("{why}{left}"))
}

/// The candidate is the live version. If it is another execution's, this one deployed nothing.
fn kept(plan: &Plan, failure: &Failure, execution: &str, stands: &str) -> Result<Output> {
    match plan.execution == execution {
        true => Ok(Output::OldVersionKept(outcome(failure, stands))),
        false => Err(Error::RollbackIncomplete(failure.after(stands))),
    }
}

/// A lock is released at the very end, so this rollback had come there and its answer was lost. Nothing is touched any more; the
/// outcome says what it left.
async fn taken_over(
    plan: &Plan,
    failure: &Failure,
    execution: &str,
    by: &str,
    router: &impl TrafficRouter,
    stacks: &impl Stacks,
    records: &impl VersionRecords,
) -> Result<Output> {
    if is_recorded(plan, Phase::Interrupted, records).await? {
        return kept(plan, failure, execution, &format!("{by}{}", still_to_go(plan, failure)));
    }
    let candidate = plan.deployment.candidate();
    match stacks.describe(&candidate.stack).await? {
        Some(stack) if stack.execution.as_ref() == Some(&plan.execution) => {
            let left = match router.routes_targeting(&plan.service, candidate).await?.as_slice() {
                [] => left(candidate, &stacks.failures(&candidate.stack).await?.join("; ")),
                routes => format!("stack `{}` stays, because `{}` names it", candidate.stack, routes.join("`, `")),
            };
            Err(Error::RollbackIncomplete(failure.after(&format!("{by}, but {left}"))))
        }
        _ => Ok(Output::RolledBack(outcome(failure, by))),
    }
}

/// Whether the stable version can take the traffic. One that has a share of it is taken to, unless its stack is known to be
/// going: a CloudFormation that does not answer must not keep traffic on a bad version.
async fn can_take_traffic(plan: &Plan, live: Option<&LiveRoute>, stacks: &impl Stacks) -> Result<bool> {
    let Deployment::Canary { stable, .. } = &plan.deployment else { return Ok(true) };
    let is_named = live.is_some_and(|live| live.names(&stable.name));
    match stacks.describe(&stable.stack).await {
        Ok(Some(stack)) if stack.can_be_of(&plan.service) => Ok(stack.can_serve()),
        Ok(_) => Ok(is_named),
        Err(_) if is_named => Ok(true),
        Err(error) => Err(error),
    }
}

/// A stack that this deployment did not make was there before it, and is not its to take back.
async fn retire_candidate(
    plan: &Plan,
    router: &impl TrafficRouter,
    stacks: &impl Stacks,
    deletions: u32,
) -> Result<Retirement> {
    let candidate = plan.deployment.candidate();
    match stacks.describe(&candidate.stack).await? {
        Some(stack) if stack.execution.as_ref() != Some(&plan.execution) => Ok(Retirement::Gone),
        _ => retire(router, stacks, &plan.service, candidate, deletions).await,
    }
}

fn verify(plan: &Plan, applied: bool, wanted: &str, found: Option<&LiveRoute>) -> Result<()> {
    if applied {
        return Ok(());
    }
    Err(Error::ShiftNotApplied {
        service: plan.service.microservice_name.clone(),
        wanted: wanted.to_owned(),
        found: found.cloned().unwrap_or_default().to_string(),
    })
}

/// Where the traffic is when it is where it belongs: what somebody else did to the route meanwhile is told, and stays.
fn restored(plan: &Plan, live: Option<&LiveRoute>) -> String {
    let service = &plan.service.microservice_name;
    match (&plan.deployment, live) {
        (Deployment::First { .. }, None) => format!("`{service}` has no route, as before"),
        (Deployment::Canary { .. }, None) => format!("the route of `{service}` and the version that had it are gone"),
        (Deployment::Canary { stable, .. }, Some(live)) if live.sole() == Some(&stable.name) => {
            format!("all traffic of `{service}` is on `{}`", stable.name)
        }
        (_, Some(live)) => format!("somebody else changed the route of `{service}`, which has {live}"),
    }
}

/// What the deployment did not come to after the record: whoever reads it is told the command, if the failure does not say it.
fn still_to_go(plan: &Plan, failure: &Failure) -> String {
    let Deployment::Canary { stable, .. } = &plan.deployment else { return String::new() };
    let command = delete_command(&stable.stack);
    if failure.message().contains(&command) {
        return String::new();
    }
    format!(", but stack `{}` of the version before it may still be there; {command}", stable.stack)
}

fn left(version: &Version, why: &str) -> String {
    format!("stack `{}` could not be deleted ({why}); {}", version.stack, delete_command(&version.stack))
}

#[cfg(test)]
mod tests;
