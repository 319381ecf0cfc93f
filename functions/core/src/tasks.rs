//! The tasks of a version: whether anything runs that could answer.

use time::OffsetDateTime;

use crate::{
    Result,
    ports::{Stacks, TaskStates},
    service::{Service, Version},
};

/// The tasks of an ECS service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tasks {
    /// How many ECS is to run.
    pub desired: u32,
    /// How many run and pass every health check that their essential containers have.
    pub healthy: u32,
    /// Why tasks ended that nobody asked to end, earliest first.
    pub failed: Vec<String>,
}

/// What a version has to answer with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// The tasks of its ECS services.
    Service(Tasks),
    /// Its stack or its ECS service is gone or going; the text says which.
    Gone(String),
    /// Its template makes no ECS service, so nothing is known of its tasks.
    NoService,
}

impl Capacity {
    /// Whether it is bad whatever the version answered before.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        match self {
            Self::Gone(_) => true,
            Self::Service(tasks) => tasks.healthy == 0 || !tasks.failed.is_empty(),
            Self::NoService => false,
        }
    }

    /// Why version `name` cannot answer anything, or `None` if it may.
    #[must_use]
    pub fn nothing_runs(&self, name: &str) -> Option<String> {
        match self {
            Self::Gone(what) => Some(format!("`{name}` is gone: {what}")),
            Self::Service(tasks) if tasks.healthy == 0 => {
                let last =
                    tasks.failed.last().map_or(String::new(), |reason| format!("; its last one ended: {reason}"));
                Some(format!("`{name}` has no healthy task, and ECS is to run {}{last}", tasks.desired))
            }
            Self::Service(_) | Self::NoService => None,
        }
    }
}

/// Reads what `version` has to answer with. Tasks that ended before `since` are not counted as failed.
///
/// # Errors
/// What AWS refused.
pub async fn capacity(
    stacks: &impl Stacks,
    states: &impl TaskStates,
    service: &Service,
    version: &Version,
    since: OffsetDateTime,
) -> Result<Capacity> {
    let stack = match stacks.describe(&version.stack).await?.filter(|stack| stack.can_be_of(service)) {
        None => return Ok(Capacity::Gone(format!("there is no stack `{}`", version.stack))),
        Some(stack) => stack,
    };
    if !stack.can_serve() {
        return Ok(Capacity::Gone(format!("stack `{}` is {}", version.stack, stack.status)));
    }
    let services = stacks.ecs_services(&version.stack).await?;
    let mut sum: Option<Tasks> = None;
    for ecs_service in services {
        let Some(tasks) = states.tasks(&service.environment_name, &ecs_service, since).await? else {
            return Ok(Capacity::Gone(format!("ECS service `{ecs_service}` does not run")));
        };
        let sum = sum.get_or_insert_default();
        sum.desired += tasks.desired;
        sum.healthy += tasks.healthy;
        sum.failed.extend(tasks.failed);
    }
    Ok(sum.map_or(Capacity::NoService, Capacity::Service))
}
