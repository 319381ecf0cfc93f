//! Check Deployment Version: validates the whole request, takes the service's lock, reads what is live, and works out the plan.
//! Changes nothing but the lock.

mod checks;

use canary_core::{
    Duration, Error, OffsetDateTime, Result,
    error::Kind,
    limits,
    lock::{Acquired, acquire},
    plan::{Deployment, Found, Pace, Plan, Traffic, plan},
    ports::{Executions, Locks, Templates, TrafficRouter, VersionRecords},
    request::{Action, DeployRequest, OnRunning, RepairRequest},
    retire::Deletions,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Looks at a lock that another deployment has are this much rarer than looks at a stack: a queue may last for hours.
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

/// What the first state looks at, and the locks, of which it takes one.
pub struct Ports<'a, Router, Records, Checked, Held, Others> {
    /// Where the traffic is.
    pub router: &'a Router,
    /// Which version is recorded.
    pub records: &'a Records,
    /// Whether the candidate's template is one.
    pub templates: &'a Checked,
    /// Who may deploy the service.
    pub locks: &'a Held,
    /// Whether somebody who has a lock is still at it.
    pub executions: &'a Others,
}

/// What follows.
#[derive(Debug, Serialize)]
#[serde(tag = "status", rename_all_fields = "camelCase")]
pub enum Output {
    /// A deployment, and all that the later states go by.
    Planned {
        /// What to do.
        plan: Box<Plan>,
        /// Where the traffic is.
        traffic: Traffic,
        /// What the states that delete stacks begin with.
        #[serde(flatten)]
        begin: Begin,
    },
    /// First to finish or take back what a deployment left that ended before its end; then to come here again.
    Unfinished {
        /// What that deployment was to do.
        plan: Box<Plan>,
        /// Where the traffic was last is not known.
        traffic: Traffic,
        /// What the states that delete stacks begin with.
        #[serde(flatten)]
        begin: Begin,
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

/// No deletion was asked for yet, in each of the states that may ask for some. They write over it.
#[derive(Debug, Default, Serialize)]
pub struct Begin {
    stack: Deletions,
    rollback: Deletions,
    removal: Deletions,
}

/// Validates, looks, plans.
///
/// # Errors
/// `Canary.InvalidInput`, `Canary.AlreadyDeployed`, `Canary.AlreadyRunning`, `Canary.QueuedTooLong` or `Canary.UnexpectedRoute`
/// for a deployment that cannot be begun; otherwise what AWS refused. The lock is given back then.
pub async fn handle<Router, Records, Checked, Held, Others>(
    input: Input,
    ports: Ports<'_, Router, Records, Checked, Held, Others>,
    pace: Pace,
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
    let Ports { router, records, templates, locks, executions } = ports;
    let waited = started.map_or(Duration::ZERO, |started| now - started);
    if let Some(asked) = RepairRequest::parse(&request)? {
        return repair(&asked, &execution, router, locks, executions, now).await;
    }

    let request = DeployRequest::parse(&request)?;
    if let Some(reason) = templates.refusal(&request.template).await? {
        return Err(request.template.refused(&reason));
    }
    let service = request.service();
    match acquire(locks, executions, &service.key(), &execution, now).await? {
        Acquired::Free => {}
        Acquired::Unfinished(plan) => return Ok(unfinished(plan)),
        Acquired::Unreadable(by) => return Err(unreadable(&by)),
        Acquired::Ending(behind, time) => return Ok(ending(behind, time)),
        Acquired::HeldBy(behind) if request.on_running == OnRunning::Queue => {
            let wait_seconds = pace.poll_seconds * QUEUE_POLLS;
            limits::queue(&service, &behind, waited, wait_seconds)?;
            return Ok(Output::Queued { behind, wait_seconds });
        }
        Acquired::HeldBy(other) => {
            return Err(Error::AlreadyRunning { service: service.microservice_name, execution: other });
        }
    }

    match decide(&request, router, records, (execution.as_str(), waited), pace).await {
        Ok(plan) => {
            locks.note(&plan).await?;
            Ok(Output::Planned { traffic: plan.before_traffic(), plan: Box::new(plan), begin: Begin::default() })
        }
        Err(refusal) => {
            // What is tried again keeps the lock; what is refused has no more use for it. If it stays, it is taken over.
            if refusal.kind() == Kind::GiveUp
                && let Err(error) = locks.release(&service.key(), &execution).await
            {
                tracing::warn!(cause = error.chain(), "the lock is left to be taken over");
            }
            Err(refusal)
        }
    }
}

/// Finds what there is to repair, or forgets it if that is what was asked for.
async fn repair(
    asked: &RepairRequest,
    execution: &str,
    router: &impl TrafficRouter,
    locks: &impl Locks,
    executions: &impl Executions,
    now: OffsetDateTime,
) -> Result<Output> {
    let key = asked.key();
    let left_by = match acquire(locks, executions, &key, execution, now).await? {
        Acquired::HeldBy(other) => {
            return Err(Error::AlreadyRunning { service: asked.microservice_name().to_owned(), execution: other });
        }
        Acquired::Ending(behind, time) => return Ok(ending(behind, time)),
        Acquired::Unfinished(plan) if asked.action() == Action::Repair => return Ok(unfinished(plan)),
        Acquired::Unreadable(by) if asked.action() == Action::Repair => return Err(unreadable(&by)),
        Acquired::Unfinished(plan) => Some(plan.execution),
        Acquired::Unreadable(by) => Some(by),
        Acquired::Free => None,
    };
    if let Some(earlier) = &left_by {
        locks.release(&key, earlier).await?;
    }
    locks.release(&key, execution).await?;
    if left_by.is_none() {
        checks::exists(asked.environment_name(), asked.microservice_name(), router).await?;
    }
    Ok(Output::Repaired { service: key })
}

/// The plan, if what is live allows one.
async fn decide(
    request: &DeployRequest,
    router: &impl TrafficRouter,
    records: &impl VersionRecords,
    (execution, waited): (&str, Duration),
    pace: Pace,
) -> Result<Plan> {
    let service = request.service();
    checks::protocol(&service, router).await?;
    let found = Found {
        recorded_version: records.recorded(&service).await?.map(|record| record.version),
        route: router.route(&service).await?,
    };
    let plan = plan(request, &found, execution, pace)?;
    if let Deployment::Canary { stable, .. } = &plan.deployment {
        checks::namespace(&service, stable, router).await?;
    }
    limits::check(&plan, waited)?;
    Ok(plan)
}

/// After 100 % nothing is set any more: a deployment of which that is not known to be false may have been recorded.
fn unfinished(plan: Box<Plan>) -> Output {
    let traffic = Traffic { target: None, ..plan.before_traffic() };
    Output::Unfinished { traffic, plan, begin: Begin::default() }
}

fn unreadable(by: &str) -> Error {
    Error::InvalidState {
        function: "check-version",
        why: format!(
            "`{by}` left a plan that another release wrote; see to its route and stacks by hand, then ask with `Action`: `Discard`"
        ),
    }
}

/// A stopped execution's functions work on for a moment, which is short enough for everybody to wait for.
fn ending(behind: String, time: Duration) -> Output {
    Output::Queued { behind, wait_seconds: u32::try_from(time.whole_seconds()).unwrap_or(0) + 1 }
}

#[cfg(test)]
mod tests;
