//! Roll Back: puts all traffic back on the stable version, verifies it, and only then removes the candidate. From any point,
//! and any number of times.

mod decision;

use canary_core::{
    Error, OffsetDateTime, Result,
    error::{UNHEALTHY, by_hand},
    lock,
    plan::{Deployment, Plan, Traffic},
    ports::{Locks, Stack, StackPhase, Stacks, TrafficRouter, VersionRecords},
    retire::{Deletions, Retirement, retire},
    service::Version,
    split::LiveRoute,
    text::message,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use decision::{Move, decide};

/// The plan, where the traffic was after the last shift that is known to have ended, why the deployment failed, which execution
/// takes it back (the one that the plan is of, or a later one that repairs what it left), and how often the candidate's stack
/// was asked to go.
#[derive(Deserialize)]
pub struct Input {
    plan: Plan,
    traffic: Traffic,
    failure: Failure,
    execution: String,
    deletions: u32,
}

/// What Step Functions caught.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Failure {
    error: String,
    cause: String,
}

/// How far the rollback is.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "status")]
pub enum Output {
    /// Traffic is safe; CloudFormation is removing the candidate: look again later.
    InProgress(Deletions),
    /// Everything is as it was before.
    RolledBack {
        /// What failed and what stands now.
        summary: String,
    },
    /// The candidate was already recorded as the live version, so it stays.
    Promoted {
        /// What failed, what stands now and what is left to do.
        summary: String,
    },
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
    let Input { plan, traffic, failure, execution, deletions } = input;
    if let Some(other) = lock::lost_to(locks, &plan.service.key(), &execution, now).await {
        return taken_over(&plan, &failure, &format!("`{other}` has taken the service over"), router, stacks, records)
            .await;
    }
    let live = router.route(&plan.service).await?;
    let promoted = was_promoted(&plan, &traffic, &failure, records).await?;
    let restorable = can_take_traffic(&plan, live.as_ref(), stacks).await?;

    let live = match decide(&plan.deployment, live.as_ref(), promoted, restorable) {
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
        Move::Keep(why) => {
            // A repair goes on with the removal of the version before, and needs the plan for it.
            if plan.execution == execution {
                lock::finish(locks, &plan, &execution).await?;
            }
            return Ok(Output::Promoted { summary: failure.told(&format!("{why}{}", still_to_go(&plan, &failure))) });
        }
        Move::Stop(why) => return Err(Error::RollbackIncomplete(failure.told(&why))),
    };
    let restored = restored(&plan, live.as_ref());

    let why = match retire_candidate(&plan, router, stacks, deletions).await {
        Ok(Retirement::InProgress(deletions)) => return Ok(Output::InProgress(deletions)),
        Ok(Retirement::Gone) => {
            lock::finish(locks, &plan, &execution).await?;
            return Ok(Output::RolledBack { summary: failure.told(&restored) });
        }
        Ok(Retirement::Failed(reasons)) => reasons.join("; "),
        Err(error @ Error::StillReceivingTraffic { .. }) => error.to_string(),
        Err(error) => return Err(error),
    };
    // The traffic is where it belongs: a stack that cannot be deleted keeps nobody from deploying.
    lock::finish(locks, &plan, &execution).await?;
    let left = format!("{restored}, but {}", left(plan.deployment.candidate(), &why));
    Err(Error::RollbackIncomplete(failure.told(&left)))
}

/// A lock is let go at the very end, so this had come there and its answer was lost. Nothing is touched any more; what it left is
/// told as it was.
async fn taken_over(
    plan: &Plan,
    failure: &Failure,
    by: &str,
    router: &impl TrafficRouter,
    stacks: &impl Stacks,
    records: &impl VersionRecords,
) -> Result<Output> {
    if records.recorded(&plan.service).await?.is_some_and(|record| record.is_of(plan)) {
        return Ok(Output::Promoted { summary: failure.told(&format!("{by}{}", still_to_go(plan, failure))) });
    }
    let candidate = plan.deployment.candidate();
    match stacks.describe(&candidate.stack).await? {
        Some(stack) if stack.execution.as_ref() == Some(&plan.execution) => {
            let left = match router.naming(&plan.service, &candidate.name).await?.as_slice() {
                [] => left(candidate, &stacks.failures(&candidate.stack).await?.join("; ")),
                routes => format!("stack `{}` stays, because `{}` names it", candidate.stack, routes.join("`, `")),
            };
            Err(Error::RollbackIncomplete(failure.told(&format!("{by}, but {left}"))))
        }
        _ => Ok(Output::RolledBack { summary: failure.told(by) }),
    }
}

/// The record is written only after the last healthy look at 100 %. So neither a candidate that was unhealthy nor one on its
/// way there was ever promoted, and their traffic does not wait for SSM.
async fn was_promoted(
    plan: &Plan,
    traffic: &Traffic,
    failure: &Failure,
    records: &impl VersionRecords,
) -> Result<bool> {
    if traffic.target.is_some() || failure.error == UNHEALTHY {
        return Ok(false);
    }
    Ok(records.recorded(&plan.service).await?.is_some_and(|record| record.is_of(plan)))
}

/// Whether the stable version can take the traffic. One that has a share of it is taken to, unless its stack is known to be
/// going: a CloudFormation that does not answer must not keep traffic on a bad version.
async fn can_take_traffic(plan: &Plan, live: Option<&LiveRoute>, stacks: &impl Stacks) -> Result<bool> {
    let Deployment::Canary { stable, .. } = &plan.deployment else { return Ok(true) };
    let has_traffic = live.is_some_and(|live| live.names(&stable.name));
    let ours = |stack: Option<Stack>| stack.filter(|stack| stack.can_be_of(&plan.service));
    match stacks.describe(&stable.stack).await.map(ours) {
        Ok(Some(stack)) => {
            Ok(!matches!(stack.phase, StackPhase::Deleting | StackPhase::DeleteFailed | StackPhase::Dead))
        }
        Ok(None) => Ok(has_traffic),
        Err(_) if has_traffic => Ok(true),
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
    let command = by_hand(&stable.stack);
    if failure.message().contains(&command) {
        return String::new();
    }
    format!(", but stack `{}` of the version before it may still be there; {command}", stable.stack)
}

fn left(version: &Version, why: &str) -> String {
    format!("stack `{}` could not be deleted ({why}); {}", version.stack, by_hand(&version.stack))
}

impl Failure {
    /// What stands now, followed by what failed.
    fn told(&self, outcome: &str) -> String {
        message(&format!("{outcome}. The deployment failed with {}: {}", self.error, self.message()))
    }

    /// A function's error arrives as JSON inside the cause; any other cause is text.
    fn message(&self) -> String {
        let parsed: Option<Value> = serde_json::from_str(&self.cause).ok();
        let message = parsed.as_ref().and_then(|cause| cause.get("errorMessage")).and_then(Value::as_str);
        message.unwrap_or(&self.cause).to_owned()
    }
}

#[cfg(test)]
mod tests;
