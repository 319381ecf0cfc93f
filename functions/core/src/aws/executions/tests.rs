#![allow(clippy::unwrap_used)]

use super::*;
use crate::aws::wire::{asked, replay};

fn described(status: &str) -> String {
    format!(
        r#"{{"executionArn":"arn:x","stateMachineArn":"arn:m","name":"x","status":"{status}","startDate":1.0,"stopDate":60.0}}"#
    )
}

#[tokio::test]
async fn an_execution_runs_succeeded_ended_or_is_unknown() {
    let missing = r#"{"__type":"ExecutionDoesNotExist","message":"Execution Does Not Exist: 'arn:x'"}"#;
    let ended = |why: &str| ExecutionState::Ended {
        at: OffsetDateTime::UNIX_EPOCH + time::Duration::MINUTE,
        why: why.to_owned(),
    };
    let failed = described("FAILED")
        .replace("stopDate", "error\":\"Canary.RollbackIncomplete\",\"cause\":\"denied\",\"stopDate");
    let cases = [
        (200, described("RUNNING"), ExecutionState::Running),
        (200, described("PENDING_REDRIVE"), ExecutionState::Running),
        (200, described("SUCCEEDED"), ExecutionState::Succeeded),
        (200, described("FAILED"), ended("failed")),
        (200, failed, ended("failed with Canary.RollbackIncomplete: denied")),
        (200, described("ABORTED"), ended("was stopped")),
        (200, described("TIMED_OUT"), ended("ran out of time")),
        (400, missing.to_owned(), ExecutionState::Unknown),
    ];
    for (status, answer, expected) in cases {
        let (config, http) = replay(&[(status, answer.as_bytes())]);
        assert_eq!(StepFunctions::new(&config).state("arn:x").await.unwrap(), expected, "{answer}");
        assert_eq!(asked(&http)[0].2, r#"{"executionArn":"arn:x"}"#);
    }
}

#[tokio::test]
async fn a_refusal_is_not_taken_for_an_end() {
    let (config, _) = replay(&[(400, br#"{"__type":"AccessDeniedException","message":"no"}"#)]);
    let error = StepFunctions::new(&config).state("arn:x").await.unwrap_err();
    assert_eq!(error.name(), "Canary.AccessDenied");
}
