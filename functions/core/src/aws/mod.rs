//! The ports' AWS adapters, one module and one Cargo feature per service.
//!
//! Endpoints, region and credentials come from the SDK's standard environment variables, so nothing here knows whether it
//! talks to AWS or to the local environment.

#[cfg(feature = "appmesh")]
pub(crate) mod appmesh;
#[cfg(feature = "cloudformation")]
mod cloudformation;
#[cfg(feature = "cloudwatch")]
mod cloudwatch;
#[cfg(feature = "ecs")]
mod ecs;
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
#[cfg(feature = "ecs")]
pub use ecs::Ecs;
#[cfg(feature = "sfn")]
pub use executions::StepFunctions;
#[cfg(feature = "dynamodb")]
pub use locks::LockTable;
#[cfg(feature = "ssm")]
pub use ssm::ParameterStore;

use std::{error::Error as StdError, time::Duration};

use aws_config::{
    AppName, BehaviorVersion, Region, SdkConfig, environment::EnvironmentVariableCredentialsProvider,
    retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::error::{Error, Refusal};

/// One try of a call.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(4);
/// All tries of one. A function that needs several slow calls is ended by Lambda after 30 seconds and tried again.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);

/// The configuration every client is built from; made once, at start-up.
///
/// It reads what Lambda sets and the SDK's standard variables for endpoints and the application's name, and no files:
/// `aws_config`'s loader would link every other place that credentials can come from, none of which a function has
/// (docs/decisions/0002).
#[must_use]
pub fn config() -> SdkConfig {
    // ring, because aws-lc spends tens of milliseconds of CPU at the first handshake (docs/decisions/0002).
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let timeouts =
        TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).operation_timeout(OPERATION_TIMEOUT);
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(std::env::var("AWS_REGION").ok().map(Region::new))
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .service_config(Endpoints)
        .http_client(http)
        .timeout_config(timeouts.build())
        .retry_config(RetryConfig::standard());
    config.set_app_name(std::env::var("AWS_SDK_UA_APP_ID").ok().and_then(|name| AppName::new(name).ok()));
    config.build()
}

/// A service's endpoint: `AWS_ENDPOINT_URL_<SERVICE>`, or `AWS_ENDPOINT_URL`, or AWS's own.
#[derive(Debug)]
struct Endpoints;

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        of_service(&key, |name| std::env::var(name).ok())
    }
}

/// The value for one service, or the one for all.
fn of_service(key: &ServiceConfigKey<'_>, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let service = key.service_id().to_uppercase().replace(' ', "_");
    variable(&format!("{}_{service}", key.env())).or_else(|| variable(key.env()))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// The endpoint of App Mesh where these variables are set.
    fn endpoint(set: &[(&str, &str)]) -> Option<String> {
        let key = ServiceConfigKey::builder().service_id("App Mesh").env("AWS_ENDPOINT_URL").profile("endpoint_url");
        let variable = |name: &str| set.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned());
        of_service(&key.build().unwrap(), variable)
    }

    #[test]
    fn a_services_own_endpoint_goes_before_the_one_for_all() {
        let (own, all) = (("AWS_ENDPOINT_URL_APP_MESH", "http://own"), ("AWS_ENDPOINT_URL", "http://all"));
        assert_eq!(endpoint(&[all, own]).as_deref(), Some("http://own"));
        assert_eq!(endpoint(&[all, ("AWS_ENDPOINT_URL_SSM", "http://other")]).as_deref(), Some("http://all"));
        assert_eq!(endpoint(&[]), None);
    }
}
