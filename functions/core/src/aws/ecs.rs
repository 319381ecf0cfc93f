//! What ECS says of a version's tasks.

use aws_config::SdkConfig;
use aws_sdk_ecs::{
    Client,
    types::{DesiredStatus, HealthStatus, Service, Task, TaskStopCode},
};
use time::OffsetDateTime;

use super::failed;
use crate::{Error, Result, error::Refusal, ports::TaskStates, tasks::Tasks};

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
        let described = self.client.describe_services().cluster(cluster).services(ecs_service).send().await;
        let described = described.map_err(|error| failed("DescribeServices", ecs_service, error))?;
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

    async fn described(&self, cluster: &str, ecs_service: &str, status: DesiredStatus) -> Result<Vec<Task>> {
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
            listed.push(arn.map_err(|error| failed("ListTasks", ecs_service, error))?);
        }
        let mut tasks = Vec::new();
        for arns in listed.chunks(DESCRIBED_AT_ONCE) {
            let described = self.client.describe_tasks().cluster(cluster).set_tasks(Some(arns.to_vec())).send().await;
            let described = described.map_err(|error| failed("DescribeTasks", ecs_service, error))?;
            tasks.extend(described.tasks.unwrap_or_default());
        }
        Ok(tasks)
    }
}

impl TaskStates for Ecs {
    async fn tasks(&self, cluster: &str, ecs_service: &str, since: OffsetDateTime) -> Result<Option<Tasks>> {
        let Some(service) = self.service(cluster, ecs_service).await? else { return Ok(None) };
        let running = self.described(cluster, ecs_service, DesiredStatus::Running).await?;
        if running.is_empty() && service.running_count > 0 {
            // Lists are a moment behind: an empty one is no proof that nothing runs.
            return Err(Error::Aws {
                operation: "ListTasks",
                subject: ecs_service.to_owned(),
                refusal: Refusal::Unavailable,
                source: format!("no task is listed, and the service has {} running", service.running_count).into(),
            });
        }
        let mut stopped = self.described(cluster, ecs_service, DesiredStatus::Stopped).await?;
        stopped.sort_by_key(|task| task.stopping_at.map(|at| at.secs()));
        let healthy = running.iter().filter(|task| is_healthy(task)).count();
        Ok(Some(Tasks {
            desired: u32::try_from(service.desired_count).unwrap_or(0),
            healthy: u32::try_from(healthy).unwrap_or(u32::MAX),
            failed: stopped.iter().filter(|task| ended_since(task, since)).filter_map(failure).collect(),
        }))
    }
}

/// A task without a health check has no status, or `UNKNOWN`.
fn is_healthy(task: &Task) -> bool {
    task.last_status() == Some("RUNNING") && task.health_status() != Some(&HealthStatus::Unhealthy)
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
        Some(TaskStopCode::EssentialContainerExited | TaskStopCode::TaskFailedToStart) => true,
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
