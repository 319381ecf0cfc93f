//! Version stacks in CloudFormation.

use aws_config::SdkConfig;
use aws_sdk_cloudformation::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::validate_template::ValidateTemplateOutput,
    types::{OnFailure, Parameter, ResourceStatus, StackEvent, StackStatus, Tag, TemplateParameter},
};

use super::failed;
use crate::{
    Result,
    limits::STACK_MINUTES,
    plan::Plan,
    ports::{Stacks, Templates},
    request::Template,
    service::service_key,
    stack::{Stack, StackPhase},
};

/// The tags that say which execution made a stack, and for which service.
pub const EXECUTION_TAG: &str = "canary:execution";
const ENVIRONMENT_TAG: &str = "canary:environment";
const MICROSERVICE_TAG: &str = "canary:microservice";
const ECS_SERVICE: &str = "AWS::ECS::Service";
/// As many failure reasons as fit a Step Functions cause and a reader's patience.
const REASONS: usize = 5;

/// CloudFormation, acting on stacks through a service role.
#[derive(Clone, Debug)]
pub struct CloudFormation {
    client: Client,
    stack_role: Option<String>,
}

impl CloudFormation {
    /// An adapter over a new client. CloudFormation creates stacks with `stack_role`, or without one with the caller's rights.
    #[must_use]
    pub fn new(config: &SdkConfig, stack_role: Option<String>) -> Self {
        Self { client: Client::new(config), stack_role }
    }
}

impl Stacks for CloudFormation {
    async fn describe(&self, stack: &str) -> Result<Option<Stack>> {
        let described = match self.client.describe_stacks().stack_name(stack).send().await {
            Ok(described) => described,
            Err(error) if does_not_exist(&error) => return Ok(None),
            Err(error) => return Err(failed("DescribeStacks", stack, error)),
        };
        let found = described.stacks.and_then(|stacks| stacks.into_iter().next());
        Ok(found.and_then(|found| {
            let status = found.stack_status?;
            let tags = found.tags.unwrap_or_default();
            let tag = |key| tags.iter().find(|tag| tag.key() == Some(key)).and_then(Tag::value);
            let service = tag(ENVIRONMENT_TAG).zip(tag(MICROSERVICE_TAG));
            Some(Stack {
                phase: phase(&status)?,
                status: status.as_str().to_owned(),
                execution: tag(EXECUTION_TAG).map(str::to_owned),
                service: service.map(|(environment, microservice)| service_key(environment, microservice)),
            })
        }))
    }

    async fn create(&self, plan: &Plan, template: &Template) -> Result<()> {
        let stack = &plan.deployment.candidate().stack;
        let (body, url) = body_or_url(template);
        let created = self
            .client
            .create_stack()
            .stack_name(stack)
            .set_template_body(body)
            .set_template_url(url)
            .set_parameters(Some(parameters(plan)))
            .set_tags(Some(tags(plan)))
            .set_role_arn(self.stack_role.clone())
            .timeout_in_minutes(i32::from(STACK_MINUTES))
            .on_failure(OnFailure::Rollback)
            .send()
            .await;
        match created {
            Ok(_) => Ok(()),
            // The answer to an earlier try was lost, or somebody was quicker: the next poll tells whose it is.
            Err(SdkError::ServiceError(refused)) if refused.err().is_already_exists_exception() => Ok(()),
            Err(error) => Err(failed("CreateStack", stack, error)),
        }
    }

    async fn delete(&self, stack: &str) -> Result<()> {
        self.client
            .delete_stack()
            .stack_name(stack)
            .send()
            .await
            .map_err(|error| failed("DeleteStack", stack, error))?;
        Ok(())
    }

    async fn failures(&self, stack: &str) -> Result<Vec<String>> {
        let (mut events, mut next) = (Vec::new(), None);
        loop {
            let page = match self.client.describe_stack_events().stack_name(stack).set_next_token(next).send().await {
                Ok(page) => page,
                // It is gone, perhaps since the page before.
                Err(error) if does_not_exist(&error) => break,
                Err(error) => return Err(failed("DescribeStackEvents", stack, error)),
            };
            events.extend(page.stack_events.unwrap_or_default());
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() || events.iter().any(begins_operation) {
                break;
            }
        }
        Ok(reasons(&events))
    }

    async fn ecs_services(&self, stack: &str) -> Result<Vec<String>> {
        let mut pages = self.client.list_stack_resources().stack_name(stack).into_paginator().items().send();
        let mut services = Vec::new();
        while let Some(listed) = pages.next().await {
            let resource = match listed {
                Ok(resource) => resource,
                Err(error) if does_not_exist(&error) => break,
                Err(error) => return Err(failed("ListStackResources", stack, error)),
            };
            let deleted = resource.resource_status() == Some(&ResourceStatus::DeleteComplete);
            if resource.resource_type() == Some(ECS_SERVICE) && !deleted {
                services.extend(resource.physical_resource_id);
            }
        }
        Ok(services)
    }
}

impl Templates for CloudFormation {
    async fn refusal(&self, template: &Template) -> Result<Option<String>> {
        let (body, url) = body_or_url(template);
        match self.client.validate_template().set_template_body(body).set_template_url(url).send().await {
            Ok(valid) => Ok(unusable(&valid)),
            Err(error) if error.code() == Some("ValidationError") => {
                Ok(Some(error.message().unwrap_or("CloudFormation gives no reason").to_owned()))
            }
            Err(error) => Err(failed("ValidateTemplate", template.field(), error)),
        }
    }
}

fn body_or_url(template: &Template) -> (Option<String>, Option<String>) {
    match template {
        Template::Body(text) => (Some(text.clone()), None),
        Template::Url(url) => (None, Some(url.clone())),
    }
}

/// Whether an event is about the stack as a whole.
fn of_stack(event: &StackEvent) -> bool {
    event.physical_resource_id.is_some() && event.physical_resource_id == event.stack_id
}

fn status(event: &StackEvent) -> &str {
    event.resource_status.as_ref().map_or("", ResourceStatus::as_str)
}

/// Whether an operation on the stack begins with this event: what came before it is not why that one failed. A rollback belongs
/// to the operation that it takes back.
fn begins_operation(event: &StackEvent) -> bool {
    of_stack(event)
        && matches!(
            status(event),
            "CREATE_IN_PROGRESS" | "UPDATE_IN_PROGRESS" | "DELETE_IN_PROGRESS" | "IMPORT_IN_PROGRESS"
        )
}

/// Why the last operation on a stack failed. The newest event comes first, and the cause is the earliest failure.
fn reasons(events: &[StackEvent]) -> Vec<String> {
    let told = |event: &StackEvent| {
        let reason =
            event.resource_status_reason().filter(|reason| !reason.is_empty() && !reason.contains("cancelled"))?;
        Some(format!("{}: {reason}", event.logical_resource_id().unwrap_or_default()))
    };
    let last = events.split(begins_operation).next().unwrap_or_default();
    let failed = last.iter().filter(|event| !of_stack(event) && status(event).ends_with("_FAILED"));
    let mut reasons: Vec<_> = failed.filter_map(told).collect();
    reasons.reverse();
    reasons.truncate(REASONS);
    if reasons.is_empty() {
        // Of a creation that took too long, and of a deletion that was refused, only the stack itself tells.
        reasons.extend(last.iter().filter(|event| of_stack(event)).find_map(told));
    }
    reasons
}

/// CloudFormation has no error of its own for a stack that is not there.
fn does_not_exist<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    error.code() == Some("ValidationError") && error.message().is_some_and(|message| message.contains("does not exist"))
}

fn phase(status: &StackStatus) -> Option<StackPhase> {
    Some(match status {
        StackStatus::CreateComplete
        | StackStatus::UpdateComplete
        | StackStatus::UpdateRollbackComplete
        | StackStatus::ImportComplete
        | StackStatus::ImportRollbackComplete => StackPhase::Ready,
        StackStatus::CreateFailed
        | StackStatus::RollbackComplete
        | StackStatus::RollbackFailed
        | StackStatus::ReviewInProgress => StackPhase::Dead,
        StackStatus::UpdateFailed | StackStatus::UpdateRollbackFailed | StackStatus::ImportRollbackFailed => {
            StackPhase::Broken
        }
        StackStatus::CreateInProgress => StackPhase::Creating,
        StackStatus::DeleteInProgress => StackPhase::Deleting,
        StackStatus::DeleteFailed => StackPhase::DeleteFailed,
        StackStatus::DeleteComplete => return None,
        _ => StackPhase::Busy,
    })
}

/// Why CreateStack would refuse a valid template: it has to declare the parameters that are sent, need no others, and need no
/// permission to make IAM resources.
fn unusable(template: &ValidateTemplateOutput) -> Option<String> {
    let declared = template.parameters();
    let names = |key: &&str| declared.iter().any(|parameter| parameter.parameter_key() == Some(*key));
    if let Some(missing) = PARAMETERS.iter().find(|key| !names(key)) {
        return Some(format!("it declares no parameter `{missing}`; it has to declare {}", PARAMETERS.join(", ")));
    }
    let unknown = declared.iter().find(|parameter| {
        parameter.default_value().is_none() && parameter.parameter_key().is_some_and(|key| !PARAMETERS.contains(&key))
    });
    if let Some(key) = unknown.and_then(TemplateParameter::parameter_key) {
        return Some(format!("its parameter `{key}` has no default, and only {} are given", PARAMETERS.join(", ")));
    }
    let needed = template.capabilities().first()?;
    Some(format!("it needs the capability {}, which a version's stack does not get", needed.as_str()))
}

/// The parameters that published per-version templates declare.
const PARAMETERS: [&str; 7] =
    ["EnvironmentName", "MicroserviceName", "Namespace", "Sha", "ContainerImage", "Port", "Protocol"];

/// A value for each of [`PARAMETERS`].
fn parameters(plan: &Plan) -> Vec<Parameter> {
    let service = &plan.service;
    let (port, protocol) = (service.port.to_string(), service.protocol.to_string());
    let values = [
        &service.environment_name,
        &service.microservice_name,
        &service.namespace,
        &plan.deployment.candidate().sha,
        &plan.container_image,
        &port,
        &protocol,
    ];
    PARAMETERS
        .into_iter()
        .zip(values)
        .map(|(key, value)| Parameter::builder().parameter_key(key).parameter_value(value).build())
        .collect()
}

fn tags(plan: &Plan) -> Vec<Tag> {
    let service = &plan.service;
    [
        (ENVIRONMENT_TAG, service.environment_name.as_str()),
        (MICROSERVICE_TAG, &service.microservice_name),
        ("canary:sha", &plan.deployment.candidate().sha),
        (EXECUTION_TAG, &plan.execution),
    ]
    .into_iter()
    .map(|(key, value)| Tag::builder().key(key).value(value).build())
    .collect()
}

#[cfg(test)]
mod tests;
