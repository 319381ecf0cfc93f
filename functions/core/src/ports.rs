//! What a deployment acts through. Each port is one capability wide; nothing above it knows which service stands behind it.

use std::future::Future;

use time::OffsetDateTime;

use crate::{
    Result,
    health::{Answers, Window},
    plan::Plan,
    request::Template,
    service::{Protocol, Service},
    split::{LiveRoute, Split},
};

/// Divides a service's traffic between its versions. App Mesh is the first adapter.
pub trait TrafficRouter {
    /// The service's route as it is live, or nothing if it has none.
    fn route(&self, service: &Service) -> impl Future<Output = Result<Option<LiveRoute>>> + Send;

    /// Makes the service's route, carrying `split`.
    fn create(&self, service: &Service, split: &Split) -> impl Future<Output = Result<()>> + Send;

    /// Gives the existing route the weights of `split` and changes nothing else on it. `Canary.Conflict` if its targets are not
    /// those of `found` any more, which the split was decided on.
    fn set_split(&self, service: &Service, found: &LiveRoute, split: &Split)
    -> impl Future<Output = Result<()>> + Send;

    /// What the router takes for a service, or why there is no router to make its route on.
    fn listens(&self, environment: &str, microservice: &str) -> impl Future<Output = Result<Listening>> + Send;

    /// The namespace in which a live version is found, or nothing if it is found by other means.
    fn namespace(&self, service: &Service, version: &str) -> impl Future<Output = Result<Option<String>>> + Send;

    /// Removes the service's route. Not there is as good as removed.
    fn remove(&self, service: &Service) -> impl Future<Output = Result<()>> + Send;

    /// The names of all live routes of the service that name `version`, with whatever weight.
    fn naming(&self, service: &Service, version: &str) -> impl Future<Output = Result<Vec<String>>> + Send;
}

/// Whether and for what a router listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listening {
    /// There is no router; the text names what is missing.
    Nowhere(String),
    /// It takes these protocols; none named is any.
    For(Vec<Protocol>),
}

/// What a stack is up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackPhase {
    /// CloudFormation is creating it.
    Creating,
    /// CloudFormation is updating it or rolling it back, and cannot be asked to delete it meanwhile.
    Busy,
    /// It stands.
    Ready,
    /// It never came up and never will: it can only be deleted.
    Dead,
    /// It came up once, and an update failed: it may serve and may not.
    Broken,
    /// CloudFormation is deleting it.
    Deleting,
    /// It could not be deleted.
    DeleteFailed,
}

/// A stack as CloudFormation describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// What it is up to.
    pub phase: StackPhase,
    /// CloudFormation's word for it.
    pub status: String,
    /// The execution that made it, from its tag.
    pub execution: Option<String>,
    /// The service that it was made for, from its tags: [`Service::key`].
    pub service: Option<String>,
}

impl Stack {
    /// Whether it can be a version of `service`: not if it was made for another one. Its name does not tell: environment `a-b`
    /// with service `c` makes the same as environment `a` with service `b-c`.
    #[must_use]
    pub fn can_be_of(&self, service: &Service) -> bool {
        self.service.as_ref().is_none_or(|made_for| *made_for == service.key())
    }
}

/// Brings version stacks up and takes them down.
pub trait Stacks {
    /// The stack, or nothing if there is none of that name.
    fn describe(&self, stack: &str) -> impl Future<Output = Result<Option<Stack>>> + Send;

    /// Starts creating the candidate's stack from `template`.
    fn create(&self, plan: &Plan, template: &Template) -> impl Future<Output = Result<()>> + Send;

    /// Starts deleting a stack.
    fn delete(&self, stack: &str) -> impl Future<Output = Result<()>> + Send;

    /// Why resources of the stack failed: `resource: reason`, earliest first.
    fn failures(&self, stack: &str) -> impl Future<Output = Result<Vec<String>>> + Send;
}

/// Knows what a CloudFormation template is.
pub trait Templates {
    /// The reason that the template is none, or nothing if it is one.
    fn refusal(&self, template: &Template) -> impl Future<Output = Result<Option<String>>> + Send;
}

/// The record of which version of a service is live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The recorded commit.
    pub sha: String,
    /// How many deployments were recorded, this one included.
    pub version: u64,
}

impl Record {
    /// Whether it was written by `plan`, or by a later deployment of the same commit.
    #[must_use]
    pub fn is_of(&self, plan: &Plan) -> bool {
        self.sha == plan.deployment.candidate().sha && self.version >= plan.version
    }
}

/// Keeps the record of a service's live version.
pub trait VersionRecords {
    /// The record, or nothing before the first deployment.
    fn recorded(&self, service: &Service) -> impl Future<Output = Result<Option<Record>>> + Send;

    /// Records a commit as live. The record's version grows by one with each call.
    fn record(&self, service: &Service, sha: &str) -> impl Future<Output = Result<()>> + Send;
}

/// A service's lock, after somebody asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lock {
    /// It is the asking execution's, with the plan that was noted in it last and was not finished.
    Taken(Option<Box<Plan>>),
    /// It is the asking execution's, and this one noted a plan in it that cannot be read: another release wrote it.
    Unreadable(String),
    /// It is another one's.
    HeldBy {
        /// The execution that has it.
        execution: String,
        /// Since when.
        since: OffsetDateTime,
    },
}

/// How an execution stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It goes on.
    Running,
    /// It came to one of its own ends.
    Ended,
    /// It was ended before that, at this time: a function that it had called may work on for a moment.
    Stopped(OffsetDateTime),
    /// Step Functions knows nothing of it: it is older than what is kept (90 days), or younger than what is told yet.
    Unknown,
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
    /// How an execution stands.
    fn standing(&self, execution: &str) -> impl Future<Output = Result<Standing>> + Send;
}

/// Counts what a version answered.
pub trait AnswerCounts {
    /// The answers of the plan's candidate in `window`.
    fn answers(&self, plan: &Plan, window: Window) -> impl Future<Output = Result<Answers>> + Send;
}
