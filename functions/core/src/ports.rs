//! The traits that a deployment acts through. Each is one capability wide; nothing above it knows which service stands behind it.

use std::future::Future;

use time::OffsetDateTime;

use crate::{
    Error, Result,
    health::{Answers, Window},
    lock::{ExecutionState, Lock},
    plan::{Deployment, Plan},
    record::Record,
    request::Template,
    service::{Service, Version},
    split::{LiveRoute, Split},
    stack::Stack,
    tasks::Tasks,
};

/// Divides a service's traffic between its versions.
pub trait TrafficRouter {
    /// Returns the service's live route, or `None` if it has none.
    fn route(&self, service: &Service) -> impl Future<Output = Result<Option<LiveRoute>>> + Send;

    /// Makes the service's route, carrying `split`.
    fn create(&self, service: &Service, split: &Split) -> impl Future<Output = Result<()>> + Send;

    /// Gives the existing route the weights of `split` and changes nothing else on it. `Canary.Conflict` if its targets are no
    /// longer those of `found`, on which the split was decided.
    fn set_split(&self, service: &Service, found: &LiveRoute, split: &Split)
    -> impl Future<Output = Result<()>> + Send;

    /// Removes the service's route. A route that is not there counts as removed.
    fn remove(&self, service: &Service) -> impl Future<Output = Result<()>> + Send;

    /// Returns the name of everything that can send traffic to `version`, with whatever weight: routes of this service and of
    /// others, and what has the version as its only target.
    fn routes_targeting(
        &self,
        service: &Service,
        version: &Version,
    ) -> impl Future<Output = Result<Vec<String>>> + Send;

    /// Returns what a service of this name lacks to receive traffic at all, or `None` if it is there.
    fn missing(&self, environment: &str, microservice: &str) -> impl Future<Output = Result<Option<String>>> + Send;

    /// Returns every reason why `deployment` would go wrong: what the router does not take, and what the service lacks.
    fn preflight(&self, service: &Service, deployment: &Deployment) -> impl Future<Output = Result<Vec<Error>>> + Send;
}

/// Brings version stacks up and takes them down.
pub trait Stacks {
    /// Returns the stack, or `None` if there is none of that name.
    fn describe(&self, stack: &str) -> impl Future<Output = Result<Option<Stack>>> + Send;

    /// Starts creating the candidate's stack from `template`.
    fn create(&self, plan: &Plan, template: &Template) -> impl Future<Output = Result<()>> + Send;

    /// Starts deleting a stack.
    fn delete(&self, stack: &str) -> impl Future<Output = Result<()>> + Send;

    /// Returns why resources of the stack failed: `resource: reason`, earliest first.
    fn failures(&self, stack: &str) -> impl Future<Output = Result<Vec<String>>> + Send;

    /// Returns the ARNs of the stack's ECS services.
    fn ecs_services(&self, stack: &str) -> impl Future<Output = Result<Vec<String>>> + Send;
}

/// Knows what a CloudFormation template is.
pub trait Templates {
    /// Returns why the template cannot be used, or `None` if it can.
    fn refusal(&self, template: &Template) -> impl Future<Output = Result<Option<String>>> + Send;
}

/// Knows what runs.
pub trait TaskStates {
    /// Returns the tasks of an ECS service, or `None` if the service is gone or going. Tasks that ended before `since` are left
    /// out of the failed ones.
    fn tasks(
        &self,
        cluster: &str,
        ecs_service: &str,
        since: OffsetDateTime,
    ) -> impl Future<Output = Result<Option<Tasks>>> + Send;
}

/// Keeps the record of a service's live version.
pub trait VersionRecords {
    /// Returns the record in this parameter ([`Service::version_parameter`]), or `None` before the first deployment.
    fn recorded(&self, parameter: &str) -> impl Future<Output = Result<Option<Record>>> + Send;

    /// Why the next version cannot be recorded, or `None` if it can be.
    fn recordable(&self, service: &Service, record: &Record) -> impl Future<Output = Result<Option<String>>> + Send;

    /// Records a commit as live. The record's version grows by one with each call.
    fn record(&self, service: &Service, sha: &str) -> impl Future<Output = Result<()>> + Send;
}

/// Keeps deployments of one service apart. A key is [`Service::key`].
pub trait Locks {
    /// Gives `execution` the lock if nobody has it, if it has it already, or if `ended` has it.
    fn take(
        &self,
        key: &str,
        execution: &str,
        ended: Option<&str>,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<Lock>> + Send;

    /// Notes in the lock what its holder is about to do, so that it can be finished without it.
    fn note(&self, plan: &Plan) -> impl Future<Output = Result<()>> + Send;

    /// Forgets what `execution` noted, and frees the lock if it is that execution's and nothing else is noted in it.
    fn release(&self, key: &str, execution: &str) -> impl Future<Output = Result<()>> + Send;
}

/// Knows the executions of the state machine.
pub trait Executions {
    /// Returns how an execution stands.
    fn state(&self, execution: &str) -> impl Future<Output = Result<ExecutionState>> + Send;
}

/// Counts what a version answered.
pub trait AnswerCounts {
    /// Returns the answers of the plan's candidate in `window`.
    fn answers(&self, plan: &Plan, window: Window) -> impl Future<Output = Result<Answers>> + Send;
}
