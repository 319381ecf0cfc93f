//! What else can be asked for: that a service is repaired without deploying anything.

use serde_json::Value;

use super::{NAME, fields::Fields};
use crate::{Result, service::service_key};

/// What to do about what a deployment left that ended before its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// Finish it or take it back.
    #[default]
    Repair,
    /// Forget it: somebody has seen to it by hand.
    Discard,
}

/// A request to do that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepairRequest {
    action: Action,
    environment_name: String,
    microservice_name: String,
}

impl RepairRequest {
    /// Reads a request that has an `Action`; nothing if it has none and so asks for a deployment.
    ///
    /// # Errors
    /// `Canary.InvalidInput`, naming every bad field with its value and what is allowed.
    pub fn parse(input: &Value) -> Result<Option<Self>> {
        if input.get("Action").is_none() {
            return Ok(None);
        }
        let mut fields = Fields::of(input)?;
        let request = Self {
            action: fields.choice("Action", "`Repair`, `Discard`, or no `Action` for a deployment", action),
            environment_name: fields.text("EnvironmentName", &NAME),
            microservice_name: fields.text("MicroserviceName", &NAME),
        };
        fields.finish().map(|()| Some(request))
    }

    /// The key of the service's lock.
    #[must_use]
    pub fn key(&self) -> String {
        service_key(&self.environment_name, &self.microservice_name)
    }

    /// What to do.
    #[must_use]
    pub fn action(&self) -> Action {
        self.action
    }

    /// The environment's name.
    #[must_use]
    pub fn environment_name(&self) -> &str {
        &self.environment_name
    }

    /// The service's name.
    #[must_use]
    pub fn microservice_name(&self) -> &str {
        &self.microservice_name
    }
}

fn action(text: &str) -> Option<Action> {
    match text {
        "Repair" => Some(Action::Repair),
        "Discard" => Some(Action::Discard),
        _ => None,
    }
}
