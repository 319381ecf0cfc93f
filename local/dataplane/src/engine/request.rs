//! What the engine is asked for, and why it refuses.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use thiserror::Error;

use super::addresses::NoAddress;
use super::definition::{ContainerDefinition, TaskDefinition};
use crate::envoy::plane::BootstrapError;
use crate::envoy::role::RoleError;
use crate::stats::Labels;

/// A container to be created.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateContainer {
    /// The task's ARN.
    pub task_arn: String,
    /// The cluster's name or ARN.
    pub cluster: String,
    /// The task definition's family.
    pub family: String,
    /// The ECS service that the task belongs to, if it does.
    pub service: Option<String>,
    /// The task definition.
    #[serde(default)]
    pub task_definition: TaskDefinition,
    /// Which of its containers.
    pub container_name: String,
    /// The image, with its tag.
    pub image: String,
    /// Overrides the definition's command, if it is not empty.
    pub command: Option<Vec<String>>,
    /// Overrides the definition's environment, variable by variable.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
}

/// Why the engine refuses.
#[derive(Debug, Error)]
pub enum EngineError {
    /// No image map knows the image.
    #[error("no image map entry matches image `{0}`")]
    NoImage(String),
    /// There is no such container.
    #[error("no container `{0}`")]
    NoContainer(String),
    /// The container still runs.
    #[error("container `{0}` has not exited: stop it first")]
    NotExited(String),
    /// The Envoy container cannot be configured.
    #[error("cannot configure container `{0}`")]
    Role(String, #[source] RoleError),
    /// There is no address for the task.
    #[error("cannot give task `{0}` an address")]
    Address(String, #[source] NoAddress),
    /// A file could not be written.
    #[error("cannot write `{}`", .0.display())]
    Write(PathBuf, #[source] std::io::Error),
    /// Envoy's files could not be written.
    #[error(transparent)]
    Envoy(#[from] BootstrapError),
}

impl CreateContainer {
    /// The task's id: the last part of its ARN.
    pub fn task_id(&self) -> &str {
        last_part(&self.task_arn)
    }

    /// What the task's logs are called: its service or family, and as much of its id as tells it from the others.
    pub fn log_name(&self) -> String {
        let id = self.task_id();
        let name = self.service.as_ref().unwrap_or(&self.family);
        let name = name.replace(|other: char| !other.is_ascii_alphanumeric() && other != '_', "-");
        format!("{name}-{}", id.get(..8).unwrap_or(id))
    }

    /// How the task's metrics are labelled.
    pub fn labels(&self) -> Labels {
        Labels { cluster: last_part(&self.cluster).to_owned(), family: self.family.clone() }
    }

    /// The container's definition and environment with the overrides.
    pub fn in_force(&self) -> (ContainerDefinition, BTreeMap<String, String>) {
        let definition = self.task_definition.container(&self.container_name);
        let mut definition = definition.cloned().unwrap_or_default();
        definition.name.clone_from(&self.container_name);
        if let Some(command) = self.command.as_ref().filter(|command| !command.is_empty()) {
            definition.command.clone_from(command);
        }
        let mut environment = definition.environment();
        environment.extend(self.environment.clone());
        (definition, environment)
    }
}

fn last_part(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_called_after_the_service_or_the_family() {
        let mut request = CreateContainer {
            task_arn: "arn:aws:ecs:us-west-2:000000000000:task/demo/3e1f9c02-5b1d-4a5e-9d7a-000000000000".to_owned(),
            cluster: "demo".to_owned(),
            family: "../shop".to_owned(),
            service: Some("shop-v1".to_owned()),
            task_definition: TaskDefinition::default(),
            container_name: "app".to_owned(),
            image: "shop:1".to_owned(),
            command: None,
            environment: BTreeMap::new(),
        };
        assert_eq!(request.log_name(), "shop-v1-3e1f9c02");
        request.service = None;
        assert_eq!(request.log_name(), "---shop-3e1f9c02");
    }
}
