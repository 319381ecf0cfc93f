//! Check Deployment Version: validates the whole request, reads what is live, and works out the plan. Changes nothing.

use canary_core::{
    Error, Result,
    plan::{Deployment, Found, Pace, Plan, Traffic, plan},
    ports::{Listening, Templates, TrafficRouter, VersionRecords},
    request::DeployRequest,
    service::{Service, Version},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the state machine was started with, and by which execution.
#[derive(Deserialize)]
pub struct Input {
    request: Value,
    execution: String,
}

/// All that the later states go by.
#[derive(Debug, Serialize)]
pub struct Output {
    plan: Plan,
    traffic: Traffic,
}

/// Validates, looks, plans.
///
/// # Errors
/// `Canary.InvalidInput`, `Canary.AlreadyDeployed` or `Canary.UnexpectedRoute` for a deployment that cannot be begun;
/// otherwise what AWS refused.
pub async fn handle(
    input: Input,
    router: &impl TrafficRouter,
    records: &impl VersionRecords,
    templates: &impl Templates,
    pace: Pace,
) -> Result<Output> {
    let request = DeployRequest::parse(&input.request)?;
    if let Some(reason) = templates.refusal(&request.template).await? {
        return Err(request.template.refused(&reason));
    }

    let service = request.service();
    check_protocol(&service, router).await?;
    let found = Found {
        recorded_version: records.recorded(&service).await?.map(|record| record.version),
        route: router.route(&service).await?,
    };
    let plan = plan(&request, &found, &input.execution, pace)?;
    if let Deployment::Canary { stable, .. } = &plan.deployment {
        check_namespace(&service, stable, router).await?;
    }
    Ok(Output { traffic: plan.before_traffic(), plan })
}

/// A version that speaks what the router does not take would get a route of another kind, or none of the traffic.
async fn check_protocol(service: &Service, router: &impl TrafficRouter) -> Result<()> {
    let name = &service.microservice_name;
    match router.listens(service).await? {
        Listening::Nowhere(missing) => Err(Error::InvalidInput(format!(
            "`MicroserviceName` is `{name}`: {missing}; allowed is a service whose pipeline stack is deployed"
        ))),
        Listening::For(taken) if taken.is_empty() || taken.contains(&service.protocol) => Ok(()),
        Listening::For(taken) => {
            let allowed: Vec<_> = taken.iter().map(|protocol| format!("`{protocol}`")).collect();
            Err(Error::InvalidInput(format!(
                "`Protocol` is `{}`: allowed is what the router of `{name}` listens for, {}",
                service.protocol,
                allowed.join(" or ")
            )))
        }
    }
}

/// A version in another namespace than the live one would not be found by those who call it.
async fn check_namespace(service: &Service, stable: &Version, router: &impl TrafficRouter) -> Result<()> {
    match router.namespace(service, &stable.name).await? {
        Some(live) if live != service.namespace => Err(Error::InvalidInput(format!(
            "`Namespace` is `{}`: allowed is the namespace of the live version `{}`, `{live}`",
            service.namespace, stable.name
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
