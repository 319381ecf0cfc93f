//! Check Deployment Version: validates the whole request, takes the service's lock, reads what is live, and works out the plan.
//! Changes nothing but the lock.

mod checks;

use canary_core::{
    Error, OffsetDateTime, Result,
    error::Kind,
    limits,
    lock::{Acquired, acquire},
    plan::{Deployment, Found, Pace, Plan, Traffic, plan},
    ports::{Executions, Locks, Templates, TrafficRouter, VersionRecords},
    request::{DeployRequest, RepairRequest, Running},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Looks at a lock that another deployment has are this much rarer than looks at a stack: a queue may last for hours.
const QUEUE_POLLS: u32 = 4;

/// What the state machine was started with, and by which execution.
#[derive(Deserialize)]
pub struct Input {
    request: Value,
    execution: String,
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
    },
    /// First to finish or take back what a deployment left that ended before its end; then to come here again.
    Unfinished {
        /// What that deployment was to do.
        plan: Box<Plan>,
        /// Where the traffic was last is not known.
        traffic: Traffic,
    },
    /// To come here again later: another deployment of the service is running.
    Queued {
        /// The execution that is.
        behind: String,
        /// How many seconds later.
        wait_seconds: u32,
    },
    /// Nothing: a repair was asked for, and nothing is unfinished.
    Repaired,
}

/// Validates, looks, plans.
///
/// # Errors
/// `Canary.InvalidInput`, `Canary.AlreadyDeployed`, `Canary.AlreadyRunning` or `Canary.UnexpectedRoute` for a deployment that
/// cannot be begun; otherwise what AWS refused. The lock is not kept then.
pub async fn handle(
    input: Input,
    router: &impl TrafficRouter,
    records: &impl VersionRecords,
    templates: &impl Templates,
    (locks, executions): (&impl Locks, &impl Executions),
    pace: Pace,
    now: OffsetDateTime,
) -> Result<Output> {
    let Input { request, execution } = input;
    if let Some(repair) = RepairRequest::parse(&request)? {
        return match acquire(locks, executions, &repair.key(), &execution, now).await? {
            Acquired::HeldBy(other) => {
                Err(Error::AlreadyRunning { service: repair.microservice_name().to_owned(), execution: other })
            }
            Acquired::Unfinished(plan) => Ok(unfinished(plan)),
            Acquired::Free => {
                locks.release(&repair.key(), &execution).await?;
                Ok(Output::Repaired)
            }
        };
    }

    let request = DeployRequest::parse(&request)?;
    if let Some(reason) = templates.refusal(&request.template).await? {
        return Err(request.template.refused(&reason));
    }
    let service = request.service();
    match acquire(locks, executions, &service.key(), &execution, now).await? {
        Acquired::Free => {}
        Acquired::Unfinished(plan) => return Ok(unfinished(plan)),
        Acquired::HeldBy(behind) if request.on_running == Running::Queue => {
            return Ok(Output::Queued { behind, wait_seconds: pace.poll_seconds * QUEUE_POLLS });
        }
        Acquired::HeldBy(other) => {
            return Err(Error::AlreadyRunning { service: service.microservice_name, execution: other });
        }
    }

    match decide(&request, router, records, &execution, pace).await {
        Ok(plan) => {
            locks.note(&plan).await?;
            Ok(Output::Planned { traffic: plan.before_traffic(), plan: Box::new(plan) })
        }
        Err(refusal) => {
            // What is tried again keeps the lock; what is refused has no more use for it.
            if refusal.kind() == Kind::GiveUp {
                locks.release(&service.key(), &execution).await?;
            }
            Err(refusal)
        }
    }
}

/// The plan, if what is live allows one.
async fn decide(
    request: &DeployRequest,
    router: &impl TrafficRouter,
    records: &impl VersionRecords,
    execution: &str,
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
    limits::check(&plan)?;
    Ok(plan)
}

/// After 100 % nothing is set any more: a deployment of which that is not known to be false may have been recorded.
fn unfinished(plan: Box<Plan>) -> Output {
    Output::Unfinished { traffic: Traffic { target: None, ..plan.before_traffic() }, plan }
}

#[cfg(test)]
mod tests;
