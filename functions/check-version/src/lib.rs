//! Check Deployment Version: validates the whole request, reads what is live, and works out the plan. Changes nothing.

use canary_core::{
    Error, Result,
    plan::{Found, Pace, Plan, Traffic, plan},
    ports::{Templates, TrafficRouter, VersionRecords},
    request::{DeployRequest, decode_template, template_refused},
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
#[serde(rename_all = "camelCase")]
pub struct Output {
    plan: Plan,
    traffic: Traffic,
    /// The per-version template in base64, as it came.
    canary_template: String,
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
    let template = decode_template(&request.canary_template).map_err(|why| template_refused(&why))?;
    if let Some(reason) = templates.refusal(&template).await? {
        return Err(template_refused(&reason));
    }

    let service = request.service();
    let found = Found {
        recorded_version: records.recorded(&service).await?.map(|record| record.version),
        route: router.route(&service).await?,
    };
    if found.route.is_none() && !router.exists(&service).await? {
        return Err(Error::UnexpectedRoute {
            service: service.microservice_name.clone(),
            why: format!(
                "mesh `{}` has no virtual router for it; deploy the service's pipeline stack first",
                service.environment_name
            ),
        });
    }
    let plan = plan(&request, &found, &input.execution, pace)?;
    Ok(Output { traffic: plan.before_traffic(), plan, canary_template: request.canary_template })
}

#[cfg(test)]
mod tests;
