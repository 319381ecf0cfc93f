//! Check Deployment Version: validates the whole request, takes the service's lock, reads what is live, and works out the plan.
//! Changes nothing but the lock.

use canary_core::{
    Duration, Error, OffsetDateTime, Result,
    error::Kind,
    failure::Failure,
    limits,
    lock::{Acquired, acquire},
    plan::{Found, Plan, Timing, plan},
    ports::{Executions, Locks, Templates, TrafficRouter, VersionRecords},
    progress::{Phase, Progress},
    request::{Action, DeployRequest, OnRunning, RepairRequest},
    retire::Deletions,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Polls of a lock that another deployment has are this much rarer than polls of a stack: a queue may last for hours.
const QUEUE_POLLS: u32 = 4;

/// What the state machine was started with, and which execution that started and when.
#[derive(Deserialize)]
pub struct Input {
    request: Value,
    execution: String,
    /// Absent if somebody calls the function by hand, with a sample of days ago.
    #[serde(default, with = "time::serde::rfc3339::option")]
    started: Option<OffsetDateTime>,
}

/// What the first state reads, and the locks, of which it takes one.
pub struct Ports<'a, Router, Records, Checked, Held, Others> {
    /// Where the traffic is.
    pub router: &'a Router,
    /// Which version is recorded.
    pub records: &'a Records,
    /// Whether the candidate's template is one.
    pub templates: &'a Checked,
    /// Who may deploy the service.
    pub locks: &'a Held,
    /// Whether the execution that has a lock still runs.
    pub executions: &'a Others,
}

/// What follows.
#[derive(Debug, Serialize)]
#[serde(tag = "status", rename_all_fields = "camelCase")]
pub enum Output {
    /// A deployment, and all that the later states go by.
    Planned(Begin),
    /// First to finish or take back what a deployment left that ended before its end; then to come here again.
    Unfinished {
        /// That deployment, and all that the later states go by.
        #[serde(flatten)]
        begin: Begin,
        /// How that deployment ended.
        failure: Failure,
    },
    /// To come here again later: another deployment of the service is running.
    Queued {
        /// The execution that is.
        behind: String,
        /// How many seconds later.
        wait_seconds: u32,
    },
    /// Nothing: a repair was asked for, and nothing is unfinished.
    Repaired {
        /// Environment and service.
        service: String,
    },
}

/// What the later states begin with.
#[derive(Debug, Serialize)]
pub struct Begin {
    plan: Box<Plan>,
    progress: Progress,
    /// Whether it is another execution's deployment.
    repair: bool,
    /// No deletion was requested yet, in each of the states that may request some. They write over it.
    stack: Deletions,
    rollback: Deletions,
    removal: Deletions,
}

impl Begin {
    fn new(plan: Box<Plan>, phase: Phase) -> Self {
        let none = Deletions::default();
        let (progress, repair) = (Progress::begin(phase), phase == Phase::Interrupted);
        Self { plan, progress, repair, stack: none, rollback: none, removal: none }
    }
}

/// Validates, reads, plans.
///
/// # Errors
/// `Canary.InvalidInput`, `Canary.AlreadyDeployed`, `Canary.AlreadyRunning`, `Canary.QueuedTooLong`, `Canary.NotRecordable` or
/// `Canary.UnexpectedRoute` for a deployment that cannot be begun; otherwise what AWS refused. The lock is given back then.
pub async fn handle<Router, Records, Checked, Held, Others>(
    input: Input,
    ports: Ports<'_, Router, Records, Checked, Held, Others>,
    timing: Timing,
    now: OffsetDateTime,
) -> Result<Output>
where
    Router: TrafficRouter,
    Records: VersionRecords,
    Checked: Templates,
    Held: Locks,
    Others: Executions,
{
    let Input { request, execution, started } = input;
    let waited = started.map_or(Duration::ZERO, |started| now - started);
    if let Some(asked) = RepairRequest::parse(&request)? {
        return repair(&asked, &execution, &ports, now).await;
    }

    let request = DeployRequest::parse(&request)?;
    taggable(&execution)?;
    let queue_poll = timing.poll_seconds * QUEUE_POLLS;
    // A request in a queue comes here hundreds of times; its template was validated at the first.
    let first_time = waited < Duration::seconds(i64::from(queue_poll));
    if first_time {
        validate_template(&request, ports.templates).await?;
    }
    let service = request.service();
    match acquire(ports.locks, ports.executions, &service.key(), &execution, false, now).await? {
        Acquired::Free => {}
        Acquired::Unfinished(plan, failure) => return Ok(unfinished(plan, failure)),
        Acquired::Unreadable(by) => return Err(unreadable(&by)),
        Acquired::Ending(behind, time) => return Ok(ending(behind, time)),
        Acquired::HeldBy(behind) if request.on_running == OnRunning::Queue => {
            limits::queue(&service, &behind, waited, queue_poll)?;
            return Ok(Output::Queued { behind, wait_seconds: queue_poll });
        }
        Acquired::HeldBy(other) => {
            return Err(Error::AlreadyRunning { service: service.microservice_name, execution: other });
        }
    }

    match decide(&request, &ports, (execution.as_str(), waited), timing, first_time).await {
        Ok(plan) => {
            ports.locks.note(&plan).await?;
            Ok(Output::Planned(Begin::new(Box::new(plan), Phase::Deploying)))
        }
        Err(refusal) => {
            // What is tried again keeps the lock; what is refused has no more use for it. If it stays, it is taken over.
            if refusal.kind() == Kind::GiveUp
                && let Err(error) = ports.locks.release(&service.key(), &execution).await
            {
                tracing::warn!(cause = error.chain(), "the lock is left to be taken over");
            }
            Err(refusal)
        }
    }
}

/// The candidate's stack, service and tasks are tagged with the execution's name, which may have characters that no tag has.
fn taggable(execution: &str) -> Result<()> {
    let name = execution.rsplit(':').next().unwrap_or_default();
    match name.chars().find(|&character| !(character.is_ascii_alphanumeric() || "_.=+-@".contains(character))) {
        None => Ok(()),
        Some(wrong) => Err(Error::invalid(
            "execution name",
            format!("is `{name}`, and no tag may have its `{wrong}`"),
            "allowed are a-z, A-Z, 0-9 and _ . = + - @",
        )),
    }
}

/// Finds what there is to repair, or forgets it if that is what was asked for.
async fn repair<Router, Records, Checked, Held, Others>(
    asked: &RepairRequest,
    execution: &str,
    ports: &Ports<'_, Router, Records, Checked, Held, Others>,
    now: OffsetDateTime,
) -> Result<Output>
where
    Router: TrafficRouter,
    Held: Locks,
    Others: Executions,
{
    let (key, locks) = (asked.key(), ports.locks);
    let discard = asked.action() == Action::Discard;
    let left_by = match acquire(locks, ports.executions, &key, execution, discard, now).await? {
        Acquired::HeldBy(other) => {
            return Err(Error::AlreadyRunning { service: asked.microservice_name().to_owned(), execution: other });
        }
        Acquired::Ending(behind, time) => return Ok(ending(behind, time)),
        Acquired::Unfinished(plan, failure) if !discard => return Ok(unfinished(plan, failure)),
        Acquired::Unreadable(by) if !discard => return Err(unreadable(&by)),
        Acquired::Unfinished(plan, _) => Some(plan.execution),
        Acquired::Unreadable(by) => Some(by),
        Acquired::Free => None,
    };
    if let Some(earlier) = &left_by {
        locks.release(&key, earlier).await?;
    }
    locks.release(&key, execution).await?;
    if left_by.is_none() {
        exists(asked, ports.router).await?;
    }
    Ok(Output::Repaired { service: key })
}

/// A repair of a service that is not there would look done, with the name misspelt.
async fn exists(asked: &RepairRequest, router: &impl TrafficRouter) -> Result<()> {
    match router.missing(asked.environment_name(), asked.microservice_name()).await? {
        None => Ok(()),
        Some(missing) => Err(Error::invalid(
            "MicroserviceName",
            format!("is `{}`, and {missing}", asked.microservice_name()),
            "allowed is a service whose pipeline stack is deployed",
        )),
    }
}

async fn validate_template(request: &DeployRequest, templates: &impl Templates) -> Result<()> {
    match templates.refusal(&request.template).await? {
        Some(reason) => Err(request.template.refused(&reason)),
        None => Ok(()),
    }
}

/// The plan, if what is live allows one.
async fn decide<Router, Records, Checked, Held, Others>(
    request: &DeployRequest,
    ports: &Ports<'_, Router, Records, Checked, Held, Others>,
    (execution, waited): (&str, Duration),
    timing: Timing,
    template_is_valid: bool,
) -> Result<Plan>
where
    Router: TrafficRouter,
    Records: VersionRecords,
    Checked: Templates,
{
    if !template_is_valid {
        validate_template(request, ports.templates).await?;
    }
    let service = request.service();
    let recorded = ports.records.recorded(&service.version_parameter()).await?;
    if let Some(record) = &recorded
        && let Some(why) = ports.records.recordable(&service, record).await?
    {
        return Err(Error::NotRecordable { service: service.microservice_name, why });
    }
    let found =
        Found { recorded_version: recorded.map(|record| record.version), route: ports.router.route(&service).await? };
    let plan = plan(request, &found, execution, timing)?;
    all_clear(ports.router.preflight(&service, &plan.deployment).await?)?;
    limits::check(&plan, waited)?;
    Ok(plan)
}

/// One error for every problem that the router named, the bad fields first.
fn all_clear(problems: Vec<Error>) -> Result<()> {
    let (mut fields, mut others) = (Vec::new(), Vec::new());
    for problem in problems {
        match problem {
            Error::InvalidInput(problems) => fields.extend(problems),
            other => others.push(other),
        }
    }
    if !fields.is_empty() {
        others.insert(0, Error::InvalidInput(fields.into()));
    }
    match others.len() {
        0 => Ok(()),
        1 => Err(others.remove(0)),
        _ => Err(Error::Several(others)),
    }
}

/// How far the deployment was is not known.
fn unfinished(plan: Box<Plan>, failure: Failure) -> Output {
    Output::Unfinished { begin: Begin::new(plan, Phase::Interrupted), failure }
}

fn unreadable(by: &str) -> Error {
    Error::InvalidState {
        function: "check-version",
        why: format!(
            "`{by}` left a plan that cannot be read; put its route and stacks right by hand, then start an execution with \
             `Action`: `Discard`"
        ),
    }
}

/// The functions of an execution that ended work on for a moment, which is short enough to wait for.
fn ending(behind: String, time: Duration) -> Output {
    Output::Queued { behind, wait_seconds: u32::try_from(time.whole_seconds()).unwrap_or(0) + 1 }
}

#[cfg(test)]
mod tests;
