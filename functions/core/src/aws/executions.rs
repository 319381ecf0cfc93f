//! Executions of the state machine.

use aws_config::SdkConfig;
use aws_sdk_sfn::{Client, error::SdkError, types::ExecutionStatus};
use time::OffsetDateTime;

use super::failed;
use crate::{
    Result,
    ports::{Executions, Standing},
};

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
    async fn standing(&self, execution: &str) -> Result<Standing> {
        match self.client.describe_execution().execution_arn(execution).send().await {
            Ok(output) if output.status == ExecutionStatus::Running => Ok(Standing::Running),
            Ok(output) if matches!(output.status, ExecutionStatus::Aborted | ExecutionStatus::TimedOut) => {
                let at = output.stop_date.and_then(|date| OffsetDateTime::from_unix_timestamp(date.secs()).ok());
                Ok(at.map_or(Standing::Ended, Standing::Stopped))
            }
            Ok(_) => Ok(Standing::Ended),
            Err(SdkError::ServiceError(refused)) if refused.err().is_execution_does_not_exist() => {
                Ok(Standing::Unknown)
            }
            Err(error) => Err(failed("DescribeExecution", execution, error)),
        }
    }
}

#[cfg(test)]
mod tests;
