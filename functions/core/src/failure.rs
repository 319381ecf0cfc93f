//! Why a deployment failed, as Step Functions caught it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    error::{INTERRUPTED, Kind, NAMES, NOT_RUNNING, STATE_FAILED, UNHEALTHY},
    text::message,
};

/// AWS keeps these names for itself: a Fail state may not end with one.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>
const RESERVED: &str = "States.";

/// An error's name and cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Failure {
    /// The error's name.
    pub error: String,
    /// Its cause: a function's error as JSON, or text. AWS does not document one for every error of its own.
    #[serde(default)]
    pub cause: String,
}

impl Failure {
    /// The failure of a deployment whose execution ended before the deployment did.
    #[must_use]
    pub fn interrupted(cause: String) -> Self {
        Self { error: INTERRUPTED.to_owned(), cause }
    }

    /// Whether the candidate was found to be bad, so that it must not keep the traffic.
    #[must_use]
    pub fn blames_candidate(&self) -> bool {
        self.error == UNHEALTHY || self.error == NOT_RUNNING
    }

    /// The error's name, or ours for one that AWS keeps for itself.
    #[must_use]
    pub fn name(&self) -> &str {
        if self.error.starts_with(RESERVED) { STATE_FAILED } else { &self.error }
    }

    /// Whether the same call may succeed later. A name that is not ours is Lambda's or Step Functions' own trouble.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        NAMES.iter().find(|(name, _)| *name == self.error).is_none_or(|(_, kind)| *kind == Kind::Retry)
    }

    /// `outcome`, followed by what failed.
    #[must_use]
    pub fn after(&self, outcome: &str) -> String {
        message(&format!("{outcome}. The deployment failed with {}: {}", self.error, self.message()))
    }

    /// A function's error arrives as JSON inside the cause; any other cause is text.
    #[must_use]
    pub fn message(&self) -> String {
        let parsed: Option<Value> = serde_json::from_str(&self.cause).ok();
        let message = parsed.as_ref().and_then(|cause| cause.get("errorMessage")).and_then(Value::as_str);
        message.unwrap_or(&self.cause).to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_aws_keeps_for_itself_is_never_passed_on() {
        let failure = |error: &str| Failure { error: error.to_owned(), cause: String::new() };
        assert_eq!(failure("States.Timeout").name(), "Canary.StateFailed");
        assert_eq!(failure("States.DataLimitExceeded").name(), "Canary.StateFailed");
        assert_eq!(failure("Lambda.Unknown").name(), "Lambda.Unknown");
    }
}
