//! Deploy New Version: starts the candidate's stack, and polls it at each further call.

use canary_core::{
    Error, Result,
    error::delete_command,
    plan::Plan,
    ports::{Stacks, TrafficRouter},
    request::DeployRequest,
    retire::{Deletions, Retirement, retire},
    stack::{Stack, StackPhase},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The plan; the request for the candidate's template, which the plan does not hold, so that it is not in every state's data;
/// and how many times the deletion of an earlier deployment's stack was requested.
#[derive(Deserialize)]
pub struct Input {
    plan: Plan,
    request: Value,
    deletions: u32,
}

/// How far the stack is.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all_fields = "camelCase")]
pub enum Output {
    /// Creation or deletion in progress: poll again later.
    InProgress {
        /// CloudFormation's status, or the request that was just made.
        stack_status: String,
        /// For the next poll.
        #[serde(flatten)]
        deletions: Deletions,
    },
    /// The candidate runs.
    Ready {
        /// CloudFormation's status.
        stack_status: String,
    },
}

/// What to do about the stack as it is.
enum Step {
    Create,
    Replace(String),
    Poll(String),
    Done(String),
    GiveUp(String),
    NotOurs(String),
}

/// Takes the next step of bringing the candidate up.
///
/// # Errors
/// `Canary.StackFailed` with the failing resources' reasons if it could not be brought up; `Canary.StillReceivingTraffic` if
/// an earlier deployment's stack of the same commit is in the way and a route names it; otherwise what AWS refused.
pub async fn handle(input: Input, router: &impl TrafficRouter, stacks: &impl Stacks) -> Result<Output> {
    let Input { plan, request, deletions } = input;
    let candidate = plan.deployment.candidate();
    let failed = |status, reasons| Err(Error::StackFailed { stack: candidate.stack.clone(), status, reasons });
    let in_progress = |stack_status, deletions| Ok(Output::InProgress { stack_status, deletions });

    match step(stacks.describe(&candidate.stack).await?, &plan) {
        Step::Create => {
            let template = DeployRequest::parse(&request)?.template;
            stacks.create(&plan, &template).await?;
            in_progress("CREATE_REQUESTED".to_owned(), Deletions { deletions })
        }
        Step::Replace(status) => match retire(router, stacks, &plan.service, candidate, deletions).await? {
            Retirement::InProgress(requested) if requested.deletions > deletions => {
                in_progress("DELETE_REQUESTED".to_owned(), requested)
            }
            Retirement::InProgress(requested) => in_progress(status, requested),
            Retirement::Gone => in_progress("DELETE_COMPLETE".to_owned(), Deletions { deletions }),
            Retirement::Failed(reasons) => {
                let (reasons, how) = (reasons.join("; "), delete_command(&candidate.stack));
                failed(status, format!("an earlier deployment made it, and it could not be deleted ({reasons}); {how}"))
            }
        },
        Step::Poll(status) => in_progress(status, Deletions { deletions }),
        Step::Done(stack_status) => Ok(Output::Ready { stack_status }),
        Step::GiveUp(status) => failed(status, stacks.failures(&candidate.stack).await?.join("; ")),
        Step::NotOurs(status) => {
            failed(status, "no deployment of this service made it; remove it or rename the service".to_owned())
        }
    }
}

/// Only what this deployment made is what its request asks for: an earlier one's stack of the same commit may have had another
/// template, image or port, and is replaced. One that no deployment of the service made only happens to have the name.
fn step(found: Option<Stack>, plan: &Plan) -> Step {
    let Some(stack) = found else { return Step::Create };
    match &stack.execution {
        Some(maker) if *maker == plan.execution => {}
        Some(_) if stack.can_be_of(&plan.service) => return Step::Replace(stack.status),
        _ => return Step::NotOurs(stack.status),
    }
    match stack.phase {
        StackPhase::Creating | StackPhase::Busy | StackPhase::Deleting => Step::Poll(stack.status),
        StackPhase::Ready => Step::Done(stack.status),
        StackPhase::Dead | StackPhase::Broken | StackPhase::DeleteFailed => Step::GiveUp(stack.status),
    }
}

#[cfg(test)]
mod tests;
