//! Deploy New Version: starts the candidate's stack, and at each further call looks how far it is.

use canary_core::{
    Error, Result,
    plan::Plan,
    ports::{Stack, StackPhase, Stacks},
    request::DeployRequest,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The plan, and the request for the candidate's template: the plan does not hold it, so that it is not in every state's data.
#[derive(Deserialize)]
pub struct Input {
    plan: Plan,
    request: Value,
}

/// How far the stack is.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all_fields = "camelCase")]
pub enum Output {
    /// CloudFormation is at it: look again later.
    InProgress {
        /// CloudFormation's word for it.
        stack_status: String,
    },
    /// The candidate runs.
    Ready {
        /// CloudFormation's word for it.
        stack_status: String,
    },
}

/// What to do about the stack as it is.
enum Step {
    Create,
    Remake,
    LookAgain(String),
    Done(String),
    GiveUp(String),
    NotOurs(String),
}

/// Takes the next step of bringing the candidate up.
///
/// # Errors
/// `Canary.StackFailed` with the failing resources' reasons if it could not be brought up; otherwise what AWS refused.
pub async fn handle(input: Input, stacks: &impl Stacks) -> Result<Output> {
    let stack = &input.plan.deployment.candidate().stack;
    match step(stacks.describe(stack).await?, &input.plan) {
        Step::Create => {
            let template = DeployRequest::parse(&input.request)?.template;
            stacks.create(&input.plan, &template).await?;
            Ok(Output::InProgress { stack_status: "CREATE_REQUESTED".to_owned() })
        }
        Step::Remake => {
            stacks.delete(stack).await?;
            Ok(Output::InProgress { stack_status: "DELETE_REQUESTED".to_owned() })
        }
        Step::LookAgain(stack_status) => Ok(Output::InProgress { stack_status }),
        Step::Done(stack_status) => Ok(Output::Ready { stack_status }),
        Step::GiveUp(status) => {
            let reasons = stacks.failures(stack).await?.join("; ");
            Err(Error::StackFailed { stack: stack.clone(), status, reasons })
        }
        Step::NotOurs(status) => {
            let reasons = "no deployment of this service made it; remove it or rename the service".to_owned();
            Err(Error::StackFailed { stack: stack.clone(), status, reasons })
        }
    }
}

/// A stack from an earlier try is continued; one that never came up is removed and made again, unless this deployment made it.
/// One that no deployment of the service made only happens to have the name.
fn step(found: Option<Stack>, plan: &Plan) -> Step {
    let Some(stack) = found else { return Step::Create };
    let maker = match &stack.execution {
        Some(maker) if stack.can_be_of(&plan.service) => maker,
        _ => return Step::NotOurs(stack.status),
    };
    match stack.phase {
        StackPhase::Creating | StackPhase::Busy | StackPhase::Deleting => Step::LookAgain(stack.status),
        StackPhase::Ready => Step::Done(stack.status),
        StackPhase::Dead if *maker != plan.execution => Step::Remake,
        StackPhase::Dead | StackPhase::Broken | StackPhase::DeleteFailed => Step::GiveUp(stack.status),
    }
}

#[cfg(test)]
mod tests;
