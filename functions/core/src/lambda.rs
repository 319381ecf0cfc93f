//! The Lambda side of a function: JSON in, answer or named error out, one log line each.

use std::{fmt::Display, future::Future, str::FromStr};

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::{
    Error, Result,
    json::{self, Unreadable},
    problem::{Problem, Problems},
    text::plain,
};

/// Runs `handler` for every event until Lambda ends the process. `function` is its name in logs and errors.
///
/// # Errors
/// When the Lambda Runtime API cannot be reached.
pub async fn serve<In, Out, Handling>(
    function: &'static str,
    handler: impl Fn(In) -> Handling,
) -> std::result::Result<(), lambda_runtime::Error>
where
    In: DeserializeOwned,
    Out: Serialize,
    Handling: Future<Output = Result<Out>>,
{
    log_as_json();
    let handler = &handler;
    // The runtime would name an error of its own after a Rust type; so it only takes the text, and reading it is ours.
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Box<RawValue>>| async move {
        let request = event.context.request_id.clone();
        let outcome = match read(function, &event.payload) {
            Ok(input) => handler(input).await,
            Err(error) => Err(error),
        };
        log(function, &request, &outcome);
        outcome.map_err(diagnostic)
    }))
    .await
}

/// An environment variable as a value, or what to use where it is not set.
///
/// # Errors
/// If it is set to something that is not such a value: a mistake in the stack that should stop the function at once.
pub fn environment<T: FromStr<Err: Display>>(name: &str, default: T) -> std::result::Result<T, lambda_runtime::Error> {
    match std::env::var(name) {
        Ok(text) => text.parse().map_err(|error| format!("environment variable `{name}` is `{text}`: {error}").into()),
        Err(_) => Ok(default),
    }
}

/// An environment variable that the function cannot do without.
///
/// # Errors
/// If it is not set.
pub fn needed(name: &str) -> std::result::Result<String, lambda_runtime::Error> {
    std::env::var(name).map_err(|_| format!("environment variable `{name}` is not set").into())
}

fn read<In: DeserializeOwned>(function: &'static str, event: &RawValue) -> Result<In> {
    let value = json::value(event.get()).map_err(|unreadable| Error::InvalidInput(problems(unreadable)))?;
    serde_json::from_value(value).map_err(|error| Error::InvalidState { function, why: error.to_string() })
}

fn problems(unreadable: Unreadable) -> Problems {
    match unreadable {
        Unreadable::Syntax { why, .. } => Problem::whole("cannot be read", why).into(),
        Unreadable::SetTwice(keys) => {
            let twice = |key| Problem::of(key, "is set twice", json::SET_ONCE);
            keys.into_iter().map(twice).collect::<Vec<_>>().into()
        }
    }
}

/// `RUST_LOG` can make a function quieter and not louder: below `info` the SDK logs requests, signatures and bodies included.
fn log_as_json() {
    let asked = std::env::var("RUST_LOG").ok().and_then(|text| text.parse().ok());
    let level = asked.unwrap_or(LevelFilter::INFO).min(LevelFilter::INFO);
    // The runtime would tell every error a second time.
    let told = Targets::new().with_default(level).with_target("lambda_runtime", LevelFilter::OFF);
    let lines = tracing_subscriber::fmt().json().with_max_level(level).with_target(false).with_current_span(false);
    lines.finish().with(told).init();
}

fn log<Out: Serialize>(function: &str, request: &str, outcome: &Result<Out>) {
    match outcome {
        Ok(answer) => {
            let answer = plain(&serde_json::to_string(answer).unwrap_or_default());
            tracing::info!(function, request, answer, "answered");
        }
        Err(error) => tracing::error!(function, request, error = error.name(), cause = error.chain(), "failed"),
    }
}

fn diagnostic(error: Error) -> Diagnostic {
    Diagnostic { error_type: error.name().to_owned(), error_message: error.chain() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::Value;

    use super::*;

    fn refusal(text: &str) -> Error {
        let event: Box<RawValue> = serde_json::from_str(text).unwrap();
        read::<Value>("check-version", &event).unwrap_err()
    }

    #[test]
    fn what_no_value_can_hold_is_bad_input_and_not_a_failure_of_ours() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for (text, why) in [(r#"{"Port": 1e400}"#, "number out of range"), (deep.as_str(), "recursion limit")] {
            let error = refusal(text);
            assert_eq!(error.name(), "Canary.InvalidInput");
            assert!(error.to_string().starts_with("the input cannot be read: "), "{error}");
            assert!(error.to_string().contains(why), "{error}");
        }
    }

    #[test]
    fn a_field_that_is_set_twice_is_bad_input_and_named() {
        let error = refusal(r#"{"Port": 80, "Sha": "a", "Port": 81}"#);
        assert_eq!(
            (error.name(), error.to_string().as_str()),
            ("Canary.InvalidInput", "`Port` is set twice: allowed is once")
        );
    }

    #[test]
    fn data_of_another_shape_is_told_apart_from_bad_input() {
        let event: Box<RawValue> = serde_json::from_str("[]").unwrap();
        assert_eq!(read::<String>("rollback", &event).unwrap_err().name(), "Canary.InvalidState");
    }
}
