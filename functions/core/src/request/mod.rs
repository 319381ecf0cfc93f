//! The deploy request: `deploy.json` plus what the build adds to it, validated as a whole before anything is touched.
//!
//! Fields, units and ranges are those of the published `deploy.json`; see `events/README.md` for the table.

mod fields;
mod port;
mod repair;
mod template;

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::fields::Fields;
pub use self::{
    fields::{Pattern, canonical},
    port::{ENVOY_PORTS, PORT, app_port},
    repair::{Action, RepairRequest},
    template::Template,
};
use crate::{
    Error, Result,
    problem::Problem,
    service::{Protocol, Service},
    split::Weight,
};

/// CloudFormation's limit for a stack name, in characters.
const STACK_NAME_CHARS: usize = 128;
/// A DNS label's limit, in characters: a version's name in Cloud Map is one.
const LABEL_CHARS: usize = 63;
/// Parameter Store keeps names that begin so for AWS, in any case.
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>
const RESERVED: [&str; 2] = ["aws", "ssm"];
/// Bytes that one state passes to the next, or to its task.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>
const STATE_BYTES: usize = 262_144;
/// What is kept of them for the plan, which Deploy New Version is told beside the request.
pub(crate) const PLAN_BYTES: usize = 16_384;
/// A pipeline waits seven days for its deploy action.
const WEEK_SECONDS: u64 = 7 * 24 * 3600;
const DAY_SECONDS: u64 = 24 * 3600;

/// The name of an environment or a microservice.
pub const NAME: Pattern = Pattern {
    allowed: "1 to 100 letters, digits and hyphens, beginning with a letter",
    accepts: |text| {
        text.len() <= 100
            && text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    },
    shown: true,
};
/// The name of a Cloud Map namespace.
pub const NAMESPACE: Pattern = Pattern {
    allowed: "1 to 253 letters, digits, hyphens, underscores and dots",
    accepts: |text| {
        (1..=253).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    },
    shown: true,
};
const SHA: Pattern = Pattern {
    allowed: "1 to 61 letters and digits, such as a commit's hash, in quotes",
    accepts: |text| (1..=61).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric()),
    shown: true,
};
/// A container image.
pub const IMAGE: Pattern = Pattern {
    allowed: "an image URI of 1 to 512 visible ASCII characters",
    accepts: |text| (1..=512).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic()),
    shown: true,
};
const PROTOCOLS: &str = "`http`, `http2`, `grpc` or `tcp`";
const NO_DATA: &str = "`RollBack` or `Proceed`";
const RUNNING: &str = "`Refuse` or `Queue`";

/// What to do when nothing was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoData {
    /// Treat the candidate as bad.
    RollBack,
    /// Go on, and say so in the verdict.
    Proceed,
}

impl FromStr for NoData {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        match text {
            "RollBack" => Ok(Self::RollBack),
            "Proceed" => Ok(Self::Proceed),
            _ => Err(()),
        }
    }
}

/// What to do when another deployment of the service is running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnRunning {
    /// Refuse this one at once.
    #[default]
    Refuse,
    /// Wait for the other's end.
    Queue,
}

/// A request whose every field is known to be well-formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployRequest {
    /// Mesh and ECS cluster, and the prefix of every stack.
    pub environment_name: String,
    /// Cloud Map namespace.
    pub namespace: String,
    /// The service to deploy.
    pub microservice_name: String,
    /// What the service speaks.
    pub protocol: Protocol,
    /// The port it listens on.
    pub port: u16,
    /// How much traffic moves at each step.
    pub percentage_step: Weight,
    /// Seconds for which each weight is watched before its first check.
    pub wait_time: u32,
    /// How many 5xx answers are still healthy.
    pub failure_threshold_value: u64,
    /// Over how many seconds back they are counted.
    pub failure_threshold_time: u32,
    /// What to do when nothing was measured; what is usual for the deployment if absent.
    pub on_no_data: Option<NoData>,
    /// What to do when another deployment of the service is running.
    pub on_running: OnRunning,
    /// The commit.
    pub sha: String,
    /// What the new version runs.
    pub container_image: String,
    /// The per-version template.
    pub template: Template,
}

impl DeployRequest {
    /// Reads a request.
    ///
    /// # Errors
    /// `Canary.InvalidInput`, naming every bad field with its value and what is allowed, or the size of an input that is too
    /// large.
    pub fn parse(input: &Value) -> Result<Self> {
        fits_a_state(input)?;
        let mut fields = Fields::of(input)?;
        let request = Self {
            environment_name: fields.text("EnvironmentName", &NAME),
            namespace: fields.text("Namespace", &NAMESPACE),
            microservice_name: fields.text("MicroserviceName", &NAME),
            protocol: fields.choice("Protocol", PROTOCOLS, |text| text.to_lowercase().parse().ok()),
            port: fields.number("Port", PORT, app_port),
            percentage_step: fields.percent("PercentageStep"),
            wait_time: fields.whole("WaitTime", 1, WEEK_SECONDS),
            failure_threshold_value: fields.whole_or("FailureThresholdValue", 0, 1_000_000_000, 0),
            failure_threshold_time: fields.whole_or("FailureThresholdTime", 1, DAY_SECONDS, 600),
            on_no_data: fields.optional_choice("OnNoData", NO_DATA, |text| text.parse().ok()),
            on_running: fields.optional_choice("OnRunning", RUNNING, on_running).unwrap_or_default(),
            sha: fields.text("Sha", &SHA),
            container_image: fields.text("ContainerImage", &IMAGE),
            template: Template::read(&mut fields),
        };
        fields.same_as("MeshName", "EnvironmentName", &request.environment_name);
        request.check_names(&mut fields);
        fields.finish().map(|()| request)
    }

    /// The service that is to be deployed.
    #[must_use]
    pub fn service(&self) -> Service {
        Service {
            environment_name: self.environment_name.clone(),
            namespace: self.namespace.clone(),
            microservice_name: self.microservice_name.clone(),
            protocol: self.protocol,
            port: self.port,
        }
    }

    /// `{MicroserviceName}-{Sha}` has to be a DNS label, and with `{EnvironmentName}-` before it a stack name. The version's record
    /// begins with the environment's name.
    fn check_names(&self, fields: &mut Fields<'_>) {
        let environment = self.environment_name.to_ascii_lowercase();
        if let Some(reserved) = RESERVED.iter().find(|reserved| environment.starts_with(**reserved)) {
            fields.refuse(
                "EnvironmentName",
                format!(
                    "is `{}`, so the parameter that records the version would begin with `{reserved}`",
                    self.environment_name
                ),
                "allowed are other beginnings, because Parameter Store keeps this one for AWS",
            );
        }
        let label = self.microservice_name.len() + self.sha.len() + 1;
        if label > LABEL_CHARS {
            fields.refuse(
                "Sha",
                format!("with `MicroserviceName` makes a Cloud Map name of {label} characters"),
                format!("allowed are {LABEL_CHARS} for `MicroserviceName-Sha`, which is a DNS label"),
            );
        }
        let chars = self.environment_name.len() + label + 1;
        if chars > STACK_NAME_CHARS {
            fields.refuse(
                "MicroserviceName",
                format!("with `EnvironmentName` and `Sha` makes a stack name of {chars} characters"),
                format!("allowed are {STACK_NAME_CHARS} for `EnvironmentName-MicroserviceName-Sha`"),
            );
        }
    }
}

fn on_running(text: &str) -> Option<OnRunning> {
    match text {
        "Refuse" => Some(OnRunning::Refuse),
        "Queue" => Some(OnRunning::Queue),
        _ => None,
    }
}

/// Refuses an input that would not fit into one state together with the plan.
fn fits_a_state(request: &Value) -> Result<()> {
    let (bytes, allowed) = (request.to_string().len(), STATE_BYTES - PLAN_BYTES);
    if bytes > allowed {
        let right = format!(
            "allowed are {allowed} of the {STATE_BYTES} that Step Functions passes from state to state, and the rest is for the \
             plan"
        );
        return Err(Error::InvalidInput(Problem::whole(format!("has {bytes} bytes of JSON"), right).into()));
    }
    Ok(())
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
