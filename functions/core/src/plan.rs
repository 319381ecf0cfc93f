//! The plan of a deployment: worked out once, in the first state, from the request and from what is live. Every later state
//! reads an absolute target from it, so a state that runs twice does the same thing twice.

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    Error, Result,
    request::{DeployRequest, NoData},
    service::{Protocol, Service, Version},
    split::{LiveRoute, Split, Weight, weights},
};

/// The format of the plans that this release writes. A plan without a number is of format 1.
pub const FORMAT: u32 = if cfg!(feature = "next-format") { 3 } else { 2 };

/// What is deployed beside what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum Deployment {
    /// Nothing receives traffic yet.
    First {
        /// The version to bring up.
        candidate: Version,
    },
    /// A version receives all traffic.
    Canary {
        /// The version that has the traffic and gets it back if the candidate is bad.
        stable: Version,
        /// The version to bring up.
        candidate: Version,
    },
}

impl Deployment {
    /// The version that is being deployed.
    #[must_use]
    pub fn candidate(&self) -> &Version {
        match self {
            Self::First { candidate } | Self::Canary { candidate, .. } => candidate,
        }
    }

    /// The version that has the traffic before the deployment, or `None` for a first deployment.
    #[must_use]
    pub fn stable(&self) -> Option<&Version> {
        match self {
            Self::First { .. } => None,
            Self::Canary { stable, .. } => Some(stable),
        }
    }

    /// The traffic when the candidate has `weight`.
    #[must_use]
    pub fn split(&self, weight: Weight) -> Split {
        match self {
            Self::First { candidate } => Split::all_on(&candidate.name),
            Self::Canary { stable, candidate } => Split::between(&stable.name, &candidate.name, weight),
        }
    }
}

/// What divides the service's traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Router {
    /// The weighted targets of an App Mesh route.
    #[default]
    AppMesh,
}

/// One step of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// The candidate's weight.
    pub weight: Weight,
    /// Seconds that the candidate is watched at this weight.
    pub watch_seconds: u32,
}

/// When a candidate counts as healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthPolicy {
    /// How many 5xx answers are still healthy.
    pub failure_threshold_value: u64,
    /// Over how many seconds back they are counted.
    pub failure_threshold_time: u32,
    /// What to do when nothing was measured.
    pub on_no_data: NoData,
    /// Seconds that one data point covers, and between two scrapes.
    pub metric_period: u32,
    /// Seconds from the end of a data point until it can be read.
    pub metric_delay: u32,
}

impl Default for HealthPolicy {
    /// The strictest policy: no error is healthy, and neither is no data.
    fn default() -> Self {
        let Timing { metric_period, metric_delay, .. } = Timing::default();
        Self {
            failure_threshold_value: 0,
            failure_threshold_time: 600,
            on_no_data: NoData::RollBack,
            metric_period,
            metric_delay,
        }
    }
}

/// Everything that was decided before anything was touched.
///
/// A plan outlives the release that wrote it: a repair reads it from the lock. Which service, which versions and whose
/// deployment it was are read from every format; a field that this release cannot read has its default, which is safe for a
/// rollback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Which release's form it has: see [`FORMAT`].
    #[serde(default = "first_format")]
    pub format: u32,
    /// The ARN of the Step Functions execution that carries it out.
    pub execution: String,
    /// What divides the traffic.
    #[serde(default)]
    pub router: Router,
    /// The service.
    pub service: Service,
    /// What is deployed beside what.
    pub deployment: Deployment,
    /// The number of this deployment: what the version parameter's version will be once it is live.
    pub version: u64,
    /// What the candidate runs.
    #[serde(default, deserialize_with = "or_default")]
    pub container_image: String,
    /// Weights and watch times, in order; the last weight is 100.
    #[serde(default, deserialize_with = "or_default")]
    #[cfg_attr(feature = "next-format", serde(rename = "stages"))]
    pub steps: Vec<Step>,
    /// Seconds between two polls of a stack.
    #[serde(default = "usual_poll", deserialize_with = "or_usual_poll")]
    pub poll_seconds: u32,
    /// When the candidate is healthy.
    #[serde(default, deserialize_with = "or_default")]
    pub health: HealthPolicy,
}

fn first_format() -> u32 {
    1
}

fn usual_poll() -> u32 {
    Timing::default().poll_seconds
}

fn or_usual_poll<'de, D: Deserializer<'de>>(value: D) -> std::result::Result<u32, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(value)?).unwrap_or_else(|_| usual_poll()))
}

fn or_default<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(value: D) -> std::result::Result<T, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(value)?).unwrap_or_default())
}

/// How long AWS takes where this runs. Parameters of the shared stack set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Seconds between two polls of a stack.
    pub poll_seconds: u32,
    /// Seconds that one data point of a metric covers, and between two scrapes.
    pub metric_period: u32,
    /// Seconds from the end of a data point until it can be read.
    pub metric_delay: u32,
}

impl Default for Timing {
    /// A stack takes minutes; one-minute data points arrive one to two minutes after their minute.
    fn default() -> Self {
        Self { poll_seconds: 15, metric_period: 60, metric_delay: 120 }
    }
}

/// What the first state found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The version parameter's version number, if there is a parameter.
    pub recorded_version: Option<u64>,
    /// The service's route, if there is one.
    pub route: Option<LiveRoute>,
}

/// Works out the plan.
///
/// # Errors
/// `Canary.AlreadyDeployed` if the candidate has all traffic; `Canary.UnexpectedRoute` if the traffic cannot be moved from one
/// version to another because it is not on exactly one, or is gone though a version is recorded.
pub fn plan(request: &DeployRequest, found: &Found, execution: &str, timing: Timing) -> Result<Plan> {
    let service = request.service();
    let candidate = service.version(&request.sha);
    let deployment = match &found.route {
        None => first(&service, candidate, found.recorded_version)?,
        Some(route) => canary(&service, candidate, route)?,
    };
    let (weights, usual_on_no_data) = match &deployment {
        Deployment::First { .. } => (vec![Weight::ALL], NoData::Proceed),
        Deployment::Canary { .. } if service.protocol == Protocol::Tcp => {
            (weights(request.percentage_step), NoData::Proceed)
        }
        Deployment::Canary { .. } => (weights(request.percentage_step), NoData::RollBack),
    };
    Ok(Plan {
        format: FORMAT,
        execution: execution.to_owned(),
        router: Router::default(),
        deployment,
        version: found.recorded_version.unwrap_or(0) + 1,
        container_image: request.container_image.clone(),
        steps: weights.into_iter().map(|weight| Step { weight, watch_seconds: request.wait_time }).collect(),
        poll_seconds: timing.poll_seconds,
        health: HealthPolicy {
            failure_threshold_value: request.failure_threshold_value,
            failure_threshold_time: request.failure_threshold_time,
            on_no_data: request.on_no_data.unwrap_or(usual_on_no_data),
            metric_period: timing.metric_period,
            metric_delay: timing.metric_delay,
        },
        service,
    })
}

fn first(service: &Service, candidate: Version, recorded: Option<u64>) -> Result<Deployment> {
    match recorded {
        None => Ok(Deployment::First { candidate }),
        Some(version) => Err(Error::UnexpectedRoute {
            service: service.microservice_name.clone(),
            why: format!(
                "there is none, though parameter `{}` records version {version}; restore the route, or delete the \
                 parameter to deploy anew",
                service.version_parameter()
            ),
        }),
    }
}

fn canary(service: &Service, candidate: Version, route: &LiveRoute) -> Result<Deployment> {
    let stable = route.sole().and_then(|name| service.version_named(name)).ok_or_else(|| Error::UnexpectedRoute {
        service: service.microservice_name.clone(),
        why: format!(
            "it has {route}, and a canary starts from exactly one target named `{}-<Sha>` with a weight above 0",
            service.microservice_name
        ),
    })?;
    if stable == candidate {
        return Err(Error::AlreadyDeployed { version: candidate.name, service: service.microservice_name.clone() });
    }
    Ok(Deployment::Canary { stable, candidate })
}

#[cfg(test)]
mod tests;
