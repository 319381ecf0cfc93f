//! Executions of the state machine.

use aws_config::SdkConfig;
use aws_sdk_sfn::{
    Client, error::SdkError, operation::describe_execution::DescribeExecutionOutput, types::ExecutionStatus,
};
use time::OffsetDateTime;

use super::failed;
use crate::{Result, lock::ExecutionState, ports::Executions};

/// Step Functions.
#[derive(Clone, Debug)]
pub struct StepFunctions {
    client: Client,
}

impl StepFunctions {
    /// An adapter over a new client.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }
}

impl Executions for StepFunctions {
    async fn state(&self, execution: &str) -> Result<ExecutionState> {
        match self.client.describe_execution().execution_arn(execution).send().await {
            Ok(output) => Ok(state(&output)),
            Err(SdkError::ServiceError(refused)) if refused.err().is_execution_does_not_exist() => {
                Ok(ExecutionState::Unknown)
            }
            Err(error) => Err(failed("DescribeExecution", execution, error)),
        }
    }
}

fn state(output: &DescribeExecutionOutput) -> ExecutionState {
    let how = match output.status {
        ExecutionStatus::Running | ExecutionStatus::PendingRedrive => return ExecutionState::Running,
        ExecutionStatus::Succeeded => return ExecutionState::Succeeded,
        ExecutionStatus::Aborted => "was stopped",
        ExecutionStatus::TimedOut => "ran out of time",
        _ => "failed",
    };
    let error = output.error().map(|error| format!(" with {error}"));
    let cause = output.cause().filter(|cause| !cause.is_empty()).map(|cause| format!(": {cause}"));
    let at = output.stop_date.and_then(|date| OffsetDateTime::from_unix_timestamp(date.secs()).ok());
    ExecutionState::Ended {
        at: at.unwrap_or(OffsetDateTime::UNIX_EPOCH),
        why: format!("{how}{}{}", error.unwrap_or_default(), cause.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests;
