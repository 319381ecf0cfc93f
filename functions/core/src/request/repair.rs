//! The other thing that can be asked for: that a service is repaired without deploying anything.

use serde_json::Value;

use super::{NAME, fields::Fields};
use crate::{Result, service::service_key};

/// A request to finish or take back what a deployment left that ended before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepairRequest {
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
        fields.choice("Action", "`Repair`, or no `Action` for a deployment", |text| (text == "Repair").then_some(()));
        let request = Self {
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

    /// The service's name.
    #[must_use]
    pub fn microservice_name(&self) -> &str {
        &self.microservice_name
    }
}
