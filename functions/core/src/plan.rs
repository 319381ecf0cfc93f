//! The plan of a deployment: worked out once, in the first state, from the request and from what is live. Every later state
//! is told an absolute target out of it, so that a step that runs twice does the same thing twice.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    Error, Result,
    request::{DeployRequest, NoData},
    service::{Protocol, Service, Version},
    split::{LiveRoute, Split, Weight, steps},
};

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

    /// The traffic when the candidate has `weight`.
    #[must_use]
    pub fn split(&self, weight: Weight) -> Split {
        match self {
            Self::First { candidate } => Split::all_on(&candidate.name),
            Self::Canary { stable, candidate } => Split::between(&stable.name, &candidate.name, weight),
        }
    }
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
    /// How many seconds after the wait data may still arrive.
    pub data_delay: u32,
}

/// Everything that was decided before anything was touched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The ARN of the Step Functions execution that carries it out.
    pub execution: String,
    /// The service.
    pub service: Service,
    /// What is deployed beside what.
    pub deployment: Deployment,
    /// The number of this deployment: what the version parameter's version will be once it is live.
    pub version: u64,
    /// What the candidate runs.
    pub container_image: String,
    /// The candidate's weights, step by step.
    pub weights: Vec<Weight>,
    /// Seconds between a shift and the look at its effect.
    pub wait_time: u32,
    /// Seconds between two looks at something that AWS is still working on.
    pub poll_seconds: u32,
    /// When the candidate is healthy.
    pub health: HealthPolicy,
}

/// Where the traffic is, between two states of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Traffic {
    /// The candidate's weight now.
    pub weight: Weight,
    /// The weight to set next; absent after 100 %.
    pub target: Option<Weight>,
    /// When the first shift began: the candidate received no traffic before.
    #[serde(with = "time::serde::rfc3339::option")]
    pub since: Option<OffsetDateTime>,
    /// When the shift to this weight began; it ended when the router reported it.
    #[serde(with = "time::serde::rfc3339::option")]
    pub shifted_at: Option<OffsetDateTime>,
}

impl Plan {
    /// The weight that follows `weight`.
    #[must_use]
    pub fn next(&self, weight: Weight) -> Option<Weight> {
        self.weights.iter().copied().find(|next| *next > weight)
    }

    /// The traffic before the first shift.
    #[must_use]
    pub fn before_traffic(&self) -> Traffic {
        Traffic { weight: Weight::NONE, target: self.weights.first().copied(), since: None, shifted_at: None }
    }
}

/// How fast AWS is where this runs. The shared stack sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Seconds between two looks at something that AWS is still working on.
    pub poll_seconds: u32,
    /// Seconds that metrics are late.
    pub data_delay: u32,
}

impl Default for Pace {
    /// A stack takes minutes; one-minute metrics arrive one to two minutes after their minute.
    fn default() -> Self {
        Self { poll_seconds: 15, data_delay: 180 }
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
pub fn plan(request: &DeployRequest, found: &Found, execution: &str, pace: Pace) -> Result<Plan> {
    let service = request.service();
    let candidate = service.version(&request.sha);
    let deployment = match &found.route {
        None => first(&service, candidate, found.recorded_version)?,
        Some(route) => canary(&service, candidate, route)?,
    };
    let (weights, usual_on_no_data) = match &deployment {
        Deployment::First { .. } => (vec![Weight::ALL], NoData::Proceed),
        Deployment::Canary { .. } if service.protocol == Protocol::Tcp => {
            (steps(request.percentage_step), NoData::Proceed)
        }
        Deployment::Canary { .. } => (steps(request.percentage_step), NoData::RollBack),
    };
    Ok(Plan {
        execution: execution.to_owned(),
        deployment,
        version: found.recorded_version.unwrap_or(0) + 1,
        container_image: request.container_image.clone(),
        weights,
        wait_time: request.wait_time,
        poll_seconds: pace.poll_seconds,
        health: HealthPolicy {
            failure_threshold_value: request.failure_threshold_value,
            failure_threshold_time: request.failure_threshold_time,
            on_no_data: request.on_no_data.unwrap_or(usual_on_no_data),
            data_delay: pace.data_delay,
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
