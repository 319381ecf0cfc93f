#![allow(clippy::unwrap_used)]

use super::*;
use crate::aws::wire::{asked, replay};

fn described(status: &str) -> String {
    format!(
        r#"{{"executionArn":"arn:x","stateMachineArn":"arn:m","name":"x","status":"{status}","startDate":1.0,"stopDate":0.0}}"#
    )
}

#[tokio::test]
async fn only_a_running_execution_runs_and_one_that_is_not_known_is_neither() {
    let missing = r#"{"__type":"ExecutionDoesNotExist","message":"Execution Does Not Exist: 'arn:x'"}"#;
    let cases = [
        (200, described("RUNNING"), Standing::Running),
        (200, described("SUCCEEDED"), Standing::Ended),
        (200, described("FAILED"), Standing::Ended),
        (200, described("ABORTED"), Standing::Stopped(OffsetDateTime::UNIX_EPOCH)),
        (200, described("TIMED_OUT"), Standing::Stopped(OffsetDateTime::UNIX_EPOCH)),
        (400, missing.to_owned(), Standing::Unknown),
    ];
    for (status, answer, standing) in cases {
        let (config, http) = replay(&[(status, answer.as_bytes())]);
        assert_eq!(StepFunctions::new(&config).standing("arn:x").await.unwrap(), standing, "{answer}");
        assert_eq!(asked(&http)[0].2, r#"{"executionArn":"arn:x"}"#);
    }
}

#[tokio::test]
async fn a_refusal_is_not_taken_for_an_end() {
    let (config, _) = replay(&[(400, br#"{"__type":"AccessDeniedException","message":"no"}"#)]);
    let error = StepFunctions::new(&config).standing("arn:x").await.unwrap_err();
    assert_eq!(error.name(), "Canary.AccessDenied");
}
