//! An in-memory world behind all ports. It keeps state, refuses what the real services refuse, and fails where told.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use time::OffsetDateTime;

use super::locks::Held;
use crate::{
    Error, Result,
    error::Refusal,
    health::{Answers, Window},
    plan::{Deployment, Plan},
    ports::{AnswerCounts, Stacks, TaskStates, Templates, TrafficRouter, VersionRecords},
    problem::Problem,
    record::Record,
    request::Template,
    service::{Service, Version},
    split::{LiveRoute, Split},
    stack::{Stack, StackPhase},
    tasks::Tasks,
};

/// As many versions of a parameter as Parameter Store keeps.
const VERSIONS: u64 = 100;

/// When an injected fault strikes a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call is turned down and has no effect.
    Before,
    /// The call takes effect and its answer is lost.
    After,
}

/// Everything the ports can see and change. Public fields are the test's view of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Routes by name.
    pub routes: BTreeMap<String, LiveRoute>,
    /// Stacks by name.
    pub stacks: BTreeMap<String, Stack>,
    /// Why resources failed, by stack.
    pub failures: BTreeMap<String, Vec<String>>,
    /// Stacks whose deletion fails.
    pub undeletable: BTreeSet<String>,
    /// Stacks whose next deletion fails.
    pub reluctant: BTreeSet<String>,
    /// Stacks that may not be deleted: termination protection.
    pub protected: BTreeSet<String>,
    /// The version record.
    pub record: Option<Record>,
    /// The label on the oldest version of the record's parameter: once it has 100, it takes no other one.
    pub label_on_oldest: Option<String>,
    /// What the candidate answers.
    pub answers: Answers,
    /// Whether the router accepts weights and keeps the old ones.
    pub stubborn_routes: bool,
    /// Whether the service's router is missing.
    pub no_router: bool,
    /// What the router says would go wrong.
    pub objections: Vec<Problem>,
    /// The tasks of ECS services by stack; a stack without an entry has none.
    pub tasks: BTreeMap<String, Tasks>,
    /// ECS services that their stacks still list, and that are gone.
    pub gone_services: BTreeSet<String>,
    /// The service's lock, if somebody has it.
    pub lock: Option<Held>,
    /// The executions that are running.
    pub running: BTreeSet<String>,
    /// The executions that came to an end of their own.
    pub ended: BTreeSet<String>,
    /// The executions that were stopped, and when; any other is unknown.
    pub stopped: BTreeMap<String, OffsetDateTime>,
}

/// The world.
#[derive(Debug, Default)]
pub struct World {
    state: Mutex<State>,
    calls: Mutex<Vec<String>>,
    fault: Mutex<Option<(usize, Fault, Refusal)>>,
}

impl World {
    /// A world in this state.
    #[must_use]
    pub fn new(state: State) -> Self {
        Self { state: Mutex::new(state), ..Self::default() }
    }

    /// What the world holds, to read or to change.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The calls made so far, in order: operation and subject.
    pub fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes the `nth` call from now (counted from 0) fail, once.
    pub fn fail(&self, nth: usize, fault: Fault) {
        self.inject(nth, fault, Refusal::Unavailable);
    }

    /// Makes the `nth` call from now (counted from 0) be turned down in this way, once.
    pub fn refuse(&self, nth: usize, refusal: Refusal) {
        self.inject(nth, Fault::Before, refusal);
    }

    fn inject(&self, nth: usize, fault: Fault, refusal: Refusal) {
        let at = self.calls().len() + nth;
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some((at, fault, refusal));
    }

    pub(super) fn call<T>(
        &self,
        operation: &'static str,
        subject: &str,
        effect: impl FnOnce(&mut State) -> Result<T>,
    ) -> Result<T> {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let this = calls.len();
        calls.push(format!("{operation} {subject}"));
        drop(calls);
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        match *fault {
            Some((at, Fault::Before, refusal)) if at == this => {
                *fault = None;
                Err(refused(operation, subject, refusal))
            }
            Some((at, Fault::After, refusal)) if at == this => {
                *fault = None;
                effect(&mut self.state()).and(Err(refused(operation, subject, refusal)))
            }
            _ => effect(&mut self.state()),
        }
    }
}

pub(super) fn refused(operation: &'static str, subject: &str, refusal: Refusal) -> Error {
    Error::Aws { operation, subject: subject.to_owned(), refusal, source: "injected".into() }
}

fn route(service: &Service) -> String {
    format!("{}-route", service.microservice_name)
}

fn live(split: &Split) -> LiveRoute {
    let targets = split.shares().iter().map(|(version, weight)| (version.clone(), u32::from(weight.percent())));
    LiveRoute { targets: targets.collect() }
}

impl State {
    /// The router knows a version from when its stack has made the node until the stack has deleted it: almost always longer
    /// than the version can serve.
    fn knows(&self, split: &Split) -> bool {
        let stands = |version: &str| {
            self.stacks.iter().any(|(name, stack)| name.ends_with(version) && stack.phase != StackPhase::Dead)
        };
        split.shares().iter().all(|(version, _)| stands(version))
    }

    /// Why the parameter takes no version after `record`, if it does not.
    fn blocks(&self, record: &Record) -> Option<String> {
        let label = self.label_on_oldest.as_ref().filter(|_| record.version >= VERSIONS)?;
        Some(format!("the oldest of {VERSIONS} versions has the label `{label}`"))
    }
}

impl TrafficRouter for World {
    async fn route(&self, service: &Service) -> Result<Option<LiveRoute>> {
        let name = route(service);
        self.call("DescribeRoute", &name, |state| Ok(state.routes.get(&name).cloned()))
    }

    async fn create(&self, service: &Service, split: &Split) -> Result<()> {
        let name = route(service);
        self.call("CreateRoute", &name, |state| match state.routes.contains_key(&name) {
            true => Err(refused("CreateRoute", &name, Refusal::Conflict)),
            false if !state.knows(split) => Err(refused("CreateRoute", &name, Refusal::Rejected)),
            false => {
                state.routes.insert(name.clone(), live(split));
                Ok(())
            }
        })
    }

    async fn set_split(&self, service: &Service, found: &LiveRoute, split: &Split) -> Result<()> {
        let name = route(service);
        self.call("UpdateRoute", &name, |state| match state.routes.get(&name) {
            Some(now) if !now.has_targets_of(found) => Err(refused("UpdateRoute", &name, Refusal::Conflict)),
            Some(_) if !state.knows(split) => Err(refused("UpdateRoute", &name, Refusal::Rejected)),
            Some(_) if state.stubborn_routes => Ok(()),
            Some(_) => {
                state.routes.insert(name.clone(), live(split));
                Ok(())
            }
            None => Err(refused("UpdateRoute", &name, Refusal::Rejected)),
        })
    }

    async fn remove(&self, service: &Service) -> Result<()> {
        let name = route(service);
        self.call("DeleteRoute", &name, |state| {
            state.routes.remove(&name);
            Ok(())
        })
    }

    async fn routes_targeting(&self, service: &Service, version: &Version) -> Result<Vec<String>> {
        self.call("ListRoutes", &service.microservice_name, |state| {
            let targeting = state.routes.iter().filter(|(_, route)| route.names(&version.name));
            Ok(targeting.map(|(name, _)| name.clone()).collect())
        })
    }

    async fn missing(&self, _environment: &str, microservice: &str) -> Result<Option<String>> {
        self.call("DescribeVirtualRouter", microservice, |state| {
            Ok(state.no_router.then(|| "there is no router".to_owned()))
        })
    }

    async fn preflight(&self, service: &Service, _deployment: &Deployment) -> Result<Vec<Error>> {
        self.call("DescribeVirtualRouter", &service.microservice_name, |state| {
            Ok(state.objections.iter().cloned().map(|problem| Error::InvalidInput(problem.into())).collect())
        })
    }
}

impl Stacks for World {
    /// An operation in progress is done at the second poll: what CloudFormation was asked for takes time.
    async fn describe(&self, stack: &str) -> Result<Option<Stack>> {
        self.call("DescribeStacks", stack, |state| {
            let found = state.stacks.get(stack).cloned();
            match found.as_ref().map(|found| found.phase) {
                Some(StackPhase::Creating) if state.failures.contains_key(stack) => {
                    state.stacks.entry(stack.to_owned()).and_modify(|entry| entry.become_phase(StackPhase::Dead));
                }
                Some(StackPhase::Creating) => {
                    state.stacks.entry(stack.to_owned()).and_modify(|entry| entry.become_phase(StackPhase::Ready));
                }
                Some(StackPhase::Deleting) => {
                    state.stacks.remove(stack);
                }
                Some(StackPhase::Busy) => {
                    state.stacks.entry(stack.to_owned()).and_modify(|entry| entry.become_phase(StackPhase::Dead));
                }
                _ => {}
            }
            Ok(found)
        })
    }

    async fn create(&self, plan: &Plan, _template: &Template) -> Result<()> {
        let name = &plan.deployment.candidate().stack;
        self.call("CreateStack", name, |state| {
            let made = || Stack::in_phase(StackPhase::Creating, Some(&plan.execution));
            state.stacks.entry(name.clone()).or_insert_with(made);
            Ok(())
        })
    }

    async fn delete(&self, stack: &str) -> Result<()> {
        self.call("DeleteStack", stack, |state| {
            if state.protected.contains(stack) {
                return Err(refused("DeleteStack", stack, Refusal::Rejected));
            }
            let in_use = state.routes.values().flat_map(|route| &route.targets).any(|(name, _)| stack.ends_with(name));
            let fails = in_use || state.reluctant.remove(stack) || state.undeletable.contains(stack);
            if let Some(entry) = state.stacks.get_mut(stack) {
                entry.become_phase(if fails { StackPhase::DeleteFailed } else { StackPhase::Deleting });
            }
            Ok(())
        })
    }

    async fn failures(&self, stack: &str) -> Result<Vec<String>> {
        self.call("DescribeStackEvents", stack, |state| Ok(state.failures.get(stack).cloned().unwrap_or_default()))
    }

    /// A stack has one ECS service, which has the stack's name.
    async fn ecs_services(&self, stack: &str) -> Result<Vec<String>> {
        self.call("ListStackResources", stack, |state| {
            Ok(state.tasks.contains_key(stack).then(|| stack.to_owned()).into_iter().collect())
        })
    }
}

impl TaskStates for World {
    async fn tasks(&self, _cluster: &str, ecs_service: &str, since: OffsetDateTime) -> Result<Option<Tasks>> {
        self.call("DescribeServices", &format!("{ecs_service} since {since}"), |state| {
            Ok(state.tasks.get(ecs_service).filter(|_| !state.gone_services.contains(ecs_service)).cloned())
        })
    }
}

impl Stack {
    /// A stack in a phase, with the commonest of its CloudFormation statuses.
    #[must_use]
    pub fn in_phase(phase: StackPhase, execution: Option<&str>) -> Self {
        let mut stack = Self { phase, status: String::new(), execution: execution.map(str::to_owned), service: None };
        stack.become_phase(phase);
        stack
    }

    fn become_phase(&mut self, phase: StackPhase) {
        self.phase = phase;
        self.status = match phase {
            StackPhase::Creating => "CREATE_IN_PROGRESS",
            StackPhase::Busy => "ROLLBACK_IN_PROGRESS",
            StackPhase::Broken => "UPDATE_ROLLBACK_FAILED",
            StackPhase::Ready => "CREATE_COMPLETE",
            StackPhase::Dead => "ROLLBACK_COMPLETE",
            StackPhase::Deleting => "DELETE_IN_PROGRESS",
            StackPhase::DeleteFailed => "DELETE_FAILED",
        }
        .to_owned();
    }
}

impl Templates for World {
    async fn refusal(&self, template: &Template) -> Result<Option<String>> {
        let (Template::Body(text) | Template::Url(text)) = template;
        let refusal = text.contains("!Broken").then(|| "unresolved tag".to_owned());
        self.call("ValidateTemplate", "CanaryTemplate", |_| Ok(refusal))
    }
}

impl VersionRecords for World {
    async fn recorded(&self, parameter: &str) -> Result<Option<Record>> {
        self.call("GetParameter", parameter, |state| Ok(state.record.clone()))
    }

    async fn recordable(&self, service: &Service, record: &Record) -> Result<Option<String>> {
        match record.version >= VERSIONS {
            true => self.call("GetParameterHistory", &service.version_parameter(), |state| Ok(state.blocks(record))),
            false => Ok(None),
        }
    }

    async fn record(&self, service: &Service, sha: &str) -> Result<()> {
        self.call("PutParameter", &service.version_parameter(), |state| {
            if state.record.as_ref().is_some_and(|record| state.blocks(record).is_some()) {
                return Err(refused("PutParameter", &service.version_parameter(), Refusal::Rejected));
            }
            let version = state.record.as_ref().map_or(1, |record| record.version + 1);
            state.record = Some(Record { sha: sha.to_owned(), version });
            Ok(())
        })
    }
}

impl AnswerCounts for World {
    async fn answers(&self, plan: &Plan, _window: Window) -> Result<Answers> {
        self.call("GetMetricData", &plan.deployment.candidate().name, |state| Ok(state.answers))
    }
}
