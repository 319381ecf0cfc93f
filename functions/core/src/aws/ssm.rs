//! The record of the live version in SSM Parameter Store.

use aws_config::SdkConfig;
use aws_sdk_ssm::{
    Client, Config,
    config::retry::RetryConfig,
    error::SdkError,
    types::{Parameter, ParameterHistory, ParameterType},
};

use super::failed;
use crate::{Result, ports::VersionRecords, record::Record, service::Service};

/// A deployment records the candidate, and its rollback may record the old version again.
const WRITES: usize = 2;
/// Parameter Store keeps so many versions of a parameter. The next one replaces the oldest, unless that one has a label.
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>
const VERSIONS: usize = 100;
/// The most that one page of a parameter's history holds.
const PAGE: i32 = 50;

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

    async fn recordable(&self, service: &Service, record: &Record) -> Result<Option<String>> {
        if record.version + WRITES as u64 <= VERSIONS as u64 {
            return Ok(None);
        }
        let name = service.version_parameter();
        let (mut history, mut next) = (Vec::new(), None);
        loop {
            let page = self.client.get_parameter_history().name(&name).max_results(PAGE).set_next_token(next).send();
            let page = page.await.map_err(|error| failed("GetParameterHistory", &name, error))?;
            history.extend(page.parameters.unwrap_or_default());
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(blocked(&name, history));
            }
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

/// Why a parameter with these versions does not take what a deployment and its rollback may write, if it does not.
fn blocked(name: &str, mut versions: Vec<ParameterHistory>) -> Option<String> {
    versions.sort_by_key(|version| version.version);
    let replaced = (versions.len() + WRITES).saturating_sub(VERSIONS);
    let (number, label) =
        versions.iter().take(replaced).find_map(|version| Some((version.version, version.labels().first()?)))?;
    Some(format!(
        "parameter `{name}` has {} of {VERSIONS} versions, and Parameter Store cannot replace version {number}, which a deployment \
         and its rollback may need, because it has the label `{label}`: remove it with `aws ssm unlabel-parameter-version \
         --name {name} --parameter-version {number} --labels {label}`",
        versions.len()
    ))
}

#[cfg(test)]
mod tests;
