//! What ECS says of a version's tasks.

use aws_config::SdkConfig;
use aws_sdk_ecs::{
    Client,
    error::SdkError,
    types::{DesiredStatus, HealthStatus, Service, Task, TaskStopCode},
};
use time::OffsetDateTime;

use super::failed;
use crate::{Error, Result, error::Refusal, ports::TaskStates, tasks::Tasks};

/// How reasons begin for which a task did not start though nothing is wrong with it.
const OF_AWS: [&str; 3] = ["Capacity is unavailable", "InternalError", "Timeout waiting for network"];
/// DescribeTasks takes so many tasks.
const DESCRIBED_AT_ONCE: usize = 100;

/// ECS.
#[derive(Clone, Debug)]
pub struct Ecs {
    client: Client,
}

impl Ecs {
    /// An adapter over a new client.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    async fn service(&self, cluster: &str, ecs_service: &str) -> Result<Option<Service>> {
        let described = match self.client.describe_services().cluster(cluster).services(ecs_service).send().await {
            Ok(described) => described,
            Err(SdkError::ServiceError(refused)) if refused.err().is_cluster_not_found_exception() => return Ok(None),
            Err(error) => return Err(failed("DescribeServices", ecs_service, error)),
        };
        match described.services().first() {
            // DRAINING: it is being deleted and starts no task any more.
            Some(service) if service.status() == Some("ACTIVE") => Ok(Some(service.clone())),
            Some(_) => Ok(None),
            None if described.failures().iter().any(|failure| failure.reason() == Some("MISSING")) => Ok(None),
            None => Err(Error::Aws {
                operation: "DescribeServices",
                subject: ecs_service.to_owned(),
                refusal: Refusal::Unavailable,
                source: format!("neither the service nor MISSING, but {:?}", described.failures()).into(),
            }),
        }
    }

    /// The tasks that are to run, or that have ended; `None` if the service is gone.
    async fn described(&self, cluster: &str, ecs_service: &str, status: DesiredStatus) -> Result<Option<Vec<Task>>> {
        let running = status == DesiredStatus::Running;
        let mut pages = self
            .client
            .list_tasks()
            .cluster(cluster)
            .service_name(ecs_service)
            .desired_status(status)
            .into_paginator()
            .items()
            .send();
        let mut listed = Vec::new();
        while let Some(arn) = pages.next().await {
            match arn {
                Ok(arn) => listed.push(arn),
                Err(SdkError::ServiceError(refused))
                    if refused.err().is_service_not_found_exception()
                        || refused.err().is_cluster_not_found_exception() =>
                {
                    return Ok(None);
                }
                Err(error) => return Err(failed("ListTasks", ecs_service, error)),
            }
        }
        let mut tasks = Vec::new();
        for arns in listed.chunks(DESCRIBED_AT_ONCE) {
            let described = self.client.describe_tasks().cluster(cluster).set_tasks(Some(arns.to_vec())).send().await;
            let described = described.map_err(|error| failed("DescribeTasks", ecs_service, error))?;
            let found = described.tasks.unwrap_or_default();
            if running && found.len() < arns.len() {
                let source = format!("{} of {} listed tasks are described", found.len(), arns.len());
                return Err(behind("DescribeTasks", ecs_service, source));
            }
            tasks.extend(found);
        }
        Ok(Some(tasks))
    }

    /// The names of the essential containers that have a health check.
    async fn checked(&self, service: &Service) -> Result<Vec<String>> {
        let name = service.task_definition().unwrap_or_default();
        let described = self.client.describe_task_definition().task_definition(name).send().await;
        let described = described.map_err(|error| failed("DescribeTaskDefinition", name, error))?;
        let containers = described.task_definition.and_then(|definition| definition.container_definitions);
        let checked = containers
            .unwrap_or_default()
            .into_iter()
            .filter(|container| container.essential != Some(false) && container.health_check.is_some());
        Ok(checked.filter_map(|container| container.name).collect())
    }
}

impl TaskStates for Ecs {
    async fn tasks(&self, cluster: &str, ecs_service: &str, since: OffsetDateTime) -> Result<Option<Tasks>> {
        let Some(service) = self.service(cluster, ecs_service).await? else { return Ok(None) };
        let Some(running) = self.described(cluster, ecs_service, DesiredStatus::Running).await? else {
            return Ok(None);
        };
        if running.is_empty() && service.running_count > 0 {
            let source = format!("no task is listed, and the service has {} running", service.running_count);
            return Err(behind("ListTasks", ecs_service, source));
        }
        let Some(mut stopped) = self.described(cluster, ecs_service, DesiredStatus::Stopped).await? else {
            return Ok(None);
        };
        stopped.sort_by_key(|task| task.stopping_at.map(|at| at.secs()));
        // Asked for only where it matters.
        let checked = match running.iter().any(|task| health(task) == Health::NotSaid) {
            true => self.checked(&service).await?,
            false => Vec::new(),
        };
        let healthy = running.iter().filter(|task| match health(task) {
            Health::Good => true,
            Health::NotSaid => checked.iter().all(|name| passes(task, name)),
            Health::Bad => false,
        });
        Ok(Some(Tasks {
            desired: u32::try_from(service.desired_count).unwrap_or(0),
            healthy: u32::try_from(healthy.count()).unwrap_or(u32::MAX),
            failed: stopped.iter().filter(|task| ended_since(task, since)).filter_map(failure).collect(),
        }))
    }
}

/// ECS's answers are a moment behind each other: that one of them lacks a task is no proof that the task is gone.
fn behind(operation: &'static str, ecs_service: &str, source: String) -> Error {
    Error::Aws { operation, subject: ecs_service.to_owned(), refusal: Refusal::Unavailable, source: source.into() }
}

/// What ECS says of a task.
#[derive(PartialEq)]
enum Health {
    Good,
    Bad,
    /// `UNKNOWN`: an essential container's health check has not been evaluated yet, or an essential container has none.
    NotSaid,
}

fn health(task: &Task) -> Health {
    match (task.last_status(), task.health_status()) {
        (Some("RUNNING"), Some(HealthStatus::Healthy)) => Health::Good,
        (Some("RUNNING"), Some(HealthStatus::Unhealthy)) => Health::Bad,
        (Some("RUNNING"), _) => Health::NotSaid,
        _ => Health::Bad,
    }
}

/// Whether a container has passed its health check.
fn passes(task: &Task, name: &str) -> bool {
    let container = task.containers().iter().find(|container| container.name() == Some(name));
    container.is_some_and(|container| container.health_status() == Some(&HealthStatus::Healthy))
}

fn ended_since(task: &Task, since: OffsetDateTime) -> bool {
    let ended = task.stopping_at.or(task.stopped_at);
    ended.is_none_or(|ended| ended.secs() >= since.unix_timestamp())
}

/// Why a task failed, or `None` if something else had it stopped: a person, a deployment, scaling, or AWS that took its host.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html>
fn failure(task: &Task) -> Option<String> {
    let reason = task.stopped_reason().unwrap_or("ECS gives no reason");
    let failed = match task.stop_code() {
        Some(TaskStopCode::EssentialContainerExited) => true,
        Some(TaskStopCode::TaskFailedToStart) => !OF_AWS.iter().any(|beginning| reason.starts_with(beginning)),
        Some(
            TaskStopCode::InfrastructureHealth
            | TaskStopCode::SpotInterruption
            | TaskStopCode::TerminationNotice
            | TaskStopCode::UserInitiated,
        ) => false,
        // The service scheduler's own stops, and those for a load balancer, which have no code.
        _ => reason.contains("failed"),
    };
    if !failed {
        return None;
    }
    let exits = task
        .containers()
        .iter()
        .filter_map(|container| Some(format!("`{}` exited with {}", container.name()?, container.exit_code?)));
    let exits: Vec<_> = exits.collect();
    Some(if exits.is_empty() { reason.to_owned() } else { format!("{reason} ({})", exits.join(", ")) })
}

#[cfg(test)]
mod tests;
