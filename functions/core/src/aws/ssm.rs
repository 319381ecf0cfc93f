//! The record of the live version in SSM Parameter Store.

use aws_config::SdkConfig;
use aws_sdk_ssm::{
    Client, Config,
    config::retry::RetryConfig,
    error::SdkError,
    types::{Parameter, ParameterType},
};

use super::failed;
use crate::{Result, ports::VersionRecords, record::Record, service::Service};

/// One parameter a service; its value is the live commit and its version number the number of deployments.
#[derive(Clone, Debug)]
pub struct ParameterStore {
    client: Client,
}

impl ParameterStore {
    /// An adapter over a new client.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }
}

impl VersionRecords for ParameterStore {
    async fn recorded(&self, parameter: &str) -> Result<Option<Record>> {
        // Pipelines before this one recorded encrypted strings.
        match self.client.get_parameter().name(parameter).with_decryption(true).send().await {
            Ok(output) => Ok(output.parameter.map(|Parameter { value, version, .. }| Record {
                sha: value.unwrap_or_default(),
                version: u64::try_from(version).unwrap_or(0),
            })),
            Err(SdkError::ServiceError(refused)) if refused.err().is_parameter_not_found() => Ok(None),
            Err(error) => Err(failed("GetParameter", parameter, error)),
        }
    }

    async fn record(&self, service: &Service, sha: &str) -> Result<()> {
        let name = service.version_parameter();
        let put = self.client.put_parameter().name(&name).value(sha).overwrite(true);
        // A parameter keeps the type it was made with; only a new one needs to be told.
        let put = if self.recorded(&name).await?.is_none() { put.r#type(ParameterType::String) } else { put };
        // Each write raises the version, so the SDK must not repeat one whose answer was lost: whoever tries again reads first.
        let once = Config::builder().retry_config(RetryConfig::disabled());
        put.customize().config_override(once).send().await.map_err(|error| failed("PutParameter", &name, error))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
