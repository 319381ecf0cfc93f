//! The parts of an ECS task definition that matter here, as `DescribeTaskDefinition` gives them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// Records of a task definition may say `null` for what was not given.
fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(value: D) -> Result<T, D::Error> {
    Option::deserialize(value).map(Option::unwrap_or_default)
}

/// An ECS task definition.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskDefinition {
    /// Its containers.
    #[serde(default, deserialize_with = "null_is_default")]
    pub container_definitions: Vec<ContainerDefinition>,
}

impl TaskDefinition {
    /// The container `name`.
    pub fn container(&self, name: &str) -> Option<&ContainerDefinition> {
        let mut containers = self.container_definitions.iter();
        containers.find(|container| container.name == name)
    }

    /// All ports that the task's containers map.
    pub fn ports(&self) -> BTreeSet<u16> {
        let containers = self.container_definitions.iter();
        containers.flat_map(ContainerDefinition::ports).collect()
    }
}

/// One container of a task definition.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerDefinition {
    /// Unique in the task definition.
    pub name: String,
    /// The image.
    #[serde(default, deserialize_with = "null_is_default")]
    pub image: String,
    /// Ports, of which the first is the container's `{port}`.
    #[serde(default, deserialize_with = "null_is_default")]
    pub port_mappings: Vec<PortMapping>,
    /// Comes before the command.
    #[serde(default, deserialize_with = "null_is_default")]
    pub entry_point: Vec<String>,
    /// The command.
    #[serde(default, deserialize_with = "null_is_default")]
    pub command: Vec<String>,
    /// The environment.
    #[serde(default, deserialize_with = "null_is_default")]
    pub environment: Vec<KeyValue>,
    /// What must hold before it starts.
    #[serde(default, deserialize_with = "null_is_default")]
    pub depends_on: Vec<Dependency>,
    /// Its health check.
    pub health_check: Option<HealthCheck>,
}

impl ContainerDefinition {
    /// The ports that it maps, in their order.
    pub fn ports(&self) -> impl Iterator<Item = u16> + '_ {
        let mappings = self.port_mappings.iter();
        mappings.filter_map(|mapping| mapping.container_port)
    }

    /// The environment as a map.
    pub fn environment(&self) -> BTreeMap<String, String> {
        let pairs = self.environment.iter();
        pairs.map(|pair| (pair.name.clone(), pair.value.clone())).collect()
    }
}

/// A port mapping.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PortMapping {
    /// Absent for a range, which has no local meaning.
    pub container_port: Option<u16>,
}

/// A variable.
#[derive(Debug, Clone, Deserialize)]
pub struct KeyValue {
    /// Its name.
    pub name: String,
    /// Its value.
    #[serde(default, deserialize_with = "null_is_default")]
    pub value: String,
}

/// That a container waits for another one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dependency {
    /// The other container.
    pub container_name: String,
    /// What must hold of it.
    pub condition: Condition,
}

/// What must hold of the other container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Condition {
    /// It was started.
    Start,
    /// It has ended.
    Complete,
    /// It has ended with exit code 0.
    Success,
    /// Its health check passes.
    Healthy,
}

/// A container's health check; absent numbers have the defaults of ECS.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheck {
    /// `CMD` and arguments, or `CMD-SHELL` and a line.
    pub command: Vec<String>,
    /// Seconds between checks.
    pub interval: Option<u64>,
    /// Seconds a check may take.
    pub timeout: Option<u64>,
    /// Failures in a row that make the container unhealthy.
    pub retries: Option<u32>,
    /// Seconds from the start in which failures do not count.
    pub start_period: Option<u64>,
}

impl HealthCheck {
    /// The time between checks; 30 s if absent.
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.interval.unwrap_or(30))
    }

    /// The time a check may take; 5 s if absent.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout.unwrap_or(5))
    }

    /// Failures in a row that make the container unhealthy; 3 if absent.
    pub fn retries(&self) -> u32 {
        self.retries.unwrap_or(3)
    }

    /// The time from the start in which failures do not count; none if absent.
    pub fn start_period(&self) -> Duration {
        Duration::from_secs(self.start_period.unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn a_definition_is_read_whether_members_are_absent_null_or_given() {
        let definition: TaskDefinition = serde_json::from_value(json!({
            "family": "shop", "containerDefinitions": [
                {"name": "bare"},
                {"name": "null", "image": null, "command": null, "portMappings": null, "environment": null,
                 "dependsOn": null, "entryPoint": null, "healthCheck": null},
                {"name": "full", "portMappings": [{"containerPort": 80, "protocol": "tcp"}, {"containerPort": 81}],
                 "environment": [{"name": "A", "value": "1"}],
                 "dependsOn": [{"containerName": "bare", "condition": "HEALTHY"}],
                 "healthCheck": {"command": ["CMD", "true"], "startPeriod": 7}}]}))
        .unwrap();
        assert_eq!(definition.ports(), [80, 81].into());
        let full = definition.container("full").unwrap();
        assert_eq!(full.environment(), [("A".to_owned(), "1".to_owned())].into());
        assert_eq!(full.depends_on[0].condition, Condition::Healthy);
        let check = full.health_check.as_ref().unwrap();
        let seconds = [check.interval(), check.timeout(), check.start_period()].map(|time| time.as_secs());
        assert_eq!((seconds, check.retries()), ([30, 5, 7], 3));
        assert!(definition.container("null").unwrap().command.is_empty());
    }
}
