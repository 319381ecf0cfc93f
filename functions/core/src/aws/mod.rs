//! The ports' AWS adapters, one module and one Cargo feature per service.
//!
//! Endpoints, region and credentials come from the SDK's standard environment variables, so nothing here knows whether it
//! talks to AWS or to the local environment.

#[cfg(feature = "appmesh")]
mod appmesh;
#[cfg(feature = "cloudformation")]
mod cloudformation;
#[cfg(feature = "cloudwatch")]
mod cloudwatch;
#[cfg(feature = "sfn")]
mod executions;
#[cfg(feature = "dynamodb")]
mod locks;
#[cfg(feature = "ssm")]
mod ssm;
#[cfg(test)]
mod wire;

#[cfg(feature = "appmesh")]
pub use appmesh::AppMesh;
#[cfg(feature = "cloudformation")]
pub use cloudformation::CloudFormation;
#[cfg(feature = "cloudwatch")]
pub use cloudwatch::CloudWatch;
#[cfg(feature = "sfn")]
pub use executions::StepFunctions;
#[cfg(feature = "dynamodb")]
pub use locks::LockTable;
#[cfg(feature = "ssm")]
pub use ssm::ParameterStore;

use std::{error::Error as StdError, time::Duration};

use aws_config::{BehaviorVersion, SdkConfig, timeout::TimeoutConfig};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::error::{Error, Refusal};

/// One try of a call.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(4);
/// All tries of one. A function that needs several slow calls is ended by Lambda after 30 seconds and tried again.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);

/// The configuration every client is built from; load it once, at start-up.
pub async fn config() -> SdkConfig {
    // ring, because aws-lc spends tens of milliseconds of CPU at the first handshake (docs/decisions/0002).
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let timeouts =
        TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).operation_timeout(OPERATION_TIMEOUT);
    aws_config::defaults(BehaviorVersion::latest()).http_client(http).timeout_config(timeouts.build()).load().await
}

/// Names what AWS refused and how.
fn failed<E>(operation: &'static str, subject: &str, error: SdkError<E, HttpResponse>) -> Error
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    let refusal = refusal(&error);
    let source: Box<dyn StdError + Send + Sync> = match error.code().zip(error.message()) {
        Some((code, message)) => format!("{code}: {message}").into(),
        None => error.into(),
    };
    Error::Aws { operation, subject: subject.to_owned(), refusal, source }
}

fn refusal<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Refusal {
    let refused = match error {
        SdkError::ServiceError(refused) => refused,
        SdkError::ConstructionFailure(_) => return Refusal::Rejected,
        // Time-out, broken connection, unreadable answer: whether the call took effect is not known.
        _ => return Refusal::Unavailable,
    };
    match refused.err().code().unwrap_or_default() {
        "ConflictException" | "ConcurrentModificationException" | "TooManyUpdates" => Refusal::Conflict,
        "AccessDenied" | "AccessDeniedException" | "ForbiddenException" | "UnauthorizedOperation" => {
            Refusal::AccessDenied
        }
        // The query protocols throttle with 400.
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestLimitExceeded"
        | "ProvisionedThroughputExceededException" => Refusal::Unavailable,
        // An answer without a code is no answer of the service: something between it and us failed.
        "" => Refusal::Unavailable,
        _ if matches!(refused.raw().status().as_u16(), 429 | 500..) => Refusal::Unavailable,
        _ => Refusal::Rejected,
    }
}
