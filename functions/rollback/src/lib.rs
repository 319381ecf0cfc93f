//! Roll Back: puts all traffic back on the stable version, verifies it, and only then removes the candidate. From any point,
//! and any number of times.

mod decision;

use canary_core::{
    Error, OffsetDateTime, Result,
    error::{UNHEALTHY, by_hand},
    lock,
    plan::{Deployment, Plan, Traffic},
    ports::{Locks, Stack, StackPhase, Stacks, TrafficRouter, VersionRecords},
    retire::{Retirement, retire},
    service::Version,
    split::LiveRoute,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use decision::{Move, decide};

/// The plan, where the traffic was after the last shift that is known to have ended, why the deployment failed, and which
/// execution takes it back: the one that the plan is of, or a later one that repairs what it left.
#[derive(Deserialize)]
pub struct Input {
    plan: Plan,
    traffic: Traffic,
    failure: Failure,
    execution: String,
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
    InProgress,
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
/// `Canary.ShiftNotApplied` if the router does not report the restored weights, `Canary.StillReceivingTraffic` if a route of
/// the user's names the candidate, `Canary.RollbackIncomplete` if traffic or stack cannot be put back; otherwise what AWS
/// refused.
pub async fn handle(
    input: Input,
    router: &impl TrafficRouter,
    stacks: &impl Stacks,
    records: &impl VersionRecords,
    locks: &impl Locks,
    now: OffsetDateTime,
) -> Result<Output> {
    let Input { plan, traffic, failure, execution } = input;
    if let Some(other) = lock::lost_to(locks, &plan.service.key(), &execution, now).await {
        return Ok(Output::RolledBack { summary: failure.told(&format!("`{other}` has taken the service over")) });
    }
    let live = router.route(&plan.service).await?;
    let promoted = was_promoted(&plan, &traffic, &failure, records).await?;
    let restorable = can_take_traffic(&plan, live.as_ref(), stacks).await?;

    match decide(&plan.deployment, live.as_ref(), promoted, restorable) {
        Move::None => {}
        Move::SetSplit(split) => {
            router.set_split(&plan.service, &split).await?;
            let found = router.route(&plan.service).await?;
            verify(&plan, found.as_ref().is_some_and(|found| found.carries(&split)), &split.to_string(), found)?;
        }
        Move::RemoveRoute => {
            router.remove(&plan.service).await?;
            let found = router.route(&plan.service).await?;
            verify(&plan, found.is_none(), "no route", found)?;
        }
        Move::Keep(why) => {
            // A repair goes on with the removal of the version before, and needs the plan for it.
            if plan.execution == execution {
                lock::finish(locks, &plan, &execution).await?;
            }
            return Ok(Output::Promoted { summary: failure.told(&why) });
        }
        Move::Stop(why) => return Err(Error::RollbackIncomplete(failure.told(&why))),
    }

    match retire_candidate(&plan, router, stacks).await? {
        Retirement::InProgress => Ok(Output::InProgress),
        Retirement::Gone => {
            lock::finish(locks, &plan, &execution).await?;
            Ok(Output::RolledBack { summary: failure.told(&restored(&plan)) })
        }
        Retirement::Failed(reasons) => {
            // The traffic is where it belongs: a stack that cannot be deleted keeps nobody from deploying.
            lock::finish(locks, &plan, &execution).await?;
            let left = format!("{}, but {}", restored(&plan), left(plan.deployment.candidate(), &reasons));
            Err(Error::RollbackIncomplete(failure.told(&left)))
        }
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

/// A stack that no deployment of the service made only happens to have the candidate's name: it is not ours to delete.
async fn retire_candidate(plan: &Plan, router: &impl TrafficRouter, stacks: &impl Stacks) -> Result<Retirement> {
    let candidate = plan.deployment.candidate();
    match stacks.describe(&candidate.stack).await? {
        Some(stack) if stack.execution.is_none() || !stack.can_be_of(&plan.service) => Ok(Retirement::Gone),
        _ => retire(router, stacks, &plan.service, candidate).await,
    }
}

fn verify(plan: &Plan, applied: bool, wanted: &str, found: Option<LiveRoute>) -> Result<()> {
    if applied {
        return Ok(());
    }
    Err(Error::ShiftNotApplied {
        service: plan.service.microservice_name.clone(),
        wanted: wanted.to_owned(),
        found: found.unwrap_or_default().to_string(),
    })
}

fn restored(plan: &Plan) -> String {
    let service = &plan.service.microservice_name;
    match &plan.deployment {
        Deployment::First { .. } => format!("`{service}` has no route, as before"),
        Deployment::Canary { stable, .. } => format!("all traffic of `{service}` is on `{}`", stable.name),
    }
}

fn left(version: &Version, reasons: &[String]) -> String {
    format!("stack `{}` could not be deleted ({}); {}", version.stack, reasons.join("; "), by_hand(&version.stack))
}

impl Failure {
    /// What stands now, followed by what failed.
    fn told(&self, outcome: &str) -> String {
        format!("{outcome}. The deployment failed with {}: {}", self.error, self.message())
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
