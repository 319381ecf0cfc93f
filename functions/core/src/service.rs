//! A service, and the versions that commits make of it: every name that existing users have is made here.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What a service speaks, and so which kind of route carries it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http,
    /// HTTP/2.
    Http2,
    /// gRPC.
    Grpc,
    /// Anything over TCP.
    Tcp,
}

impl FromStr for Protocol {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        match text {
            "http" => Ok(Self::Http),
            "http2" => Ok(Self::Http2),
            "grpc" => Ok(Self::Grpc),
            "tcp" => Ok(Self::Tcp),
            _ => Err(()),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Http2 => "http2",
            Self::Grpc => "grpc",
            Self::Tcp => "tcp",
        })
    }
}

/// The service that is deployed: what stays the same from version to version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// Mesh and ECS cluster, and the prefix of every stack.
    pub environment_name: String,
    /// Cloud Map namespace.
    pub namespace: String,
    /// The service's name.
    pub microservice_name: String,
    /// What it speaks.
    pub protocol: Protocol,
    /// The port it listens on.
    pub port: u16,
}

impl Service {
    /// What tells this service from every other one in the account: the key of its lock.
    #[must_use]
    pub fn key(&self) -> String {
        service_key(&self.environment_name, &self.microservice_name)
    }

    /// The SSM parameter whose version number is the number of the deployment that is live.
    #[must_use]
    pub fn version_parameter(&self) -> String {
        version_parameter(&self.environment_name, &self.microservice_name)
    }

    /// The version of this service that a commit makes.
    #[must_use]
    pub fn version(&self, sha: &str) -> Version {
        Version {
            sha: sha.to_owned(),
            name: format!("{}-{sha}", self.microservice_name),
            stack: format!("{}-{}-{sha}", self.environment_name, self.microservice_name),
        }
    }

    /// The version that a router calls `name`, if `name` is one of this service's. Names hold hyphens, so the commit is what
    /// follows the known service name, never what follows the last hyphen.
    #[must_use]
    pub fn version_named(&self, name: &str) -> Option<Version> {
        let sha = name.strip_prefix(&self.microservice_name)?.strip_prefix('-')?;
        let well_formed = !sha.is_empty() && sha.chars().all(|c| c.is_ascii_alphanumeric());
        well_formed.then(|| self.version(sha))
    }
}

/// The name of the parameter that records a service's live version.
#[must_use]
pub fn version_parameter(environment_name: &str, microservice_name: &str) -> String {
    format!("{environment_name}-canary-{microservice_name}-version")
}

/// The key of a service's lock.
#[must_use]
pub fn service_key(environment_name: &str, microservice_name: &str) -> String {
    format!("{environment_name}/{microservice_name}")
}

/// One version of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// The commit.
    pub sha: String,
    /// What routers, ECS and Cloud Map call it.
    pub name: String,
    /// Its CloudFormation stack.
    pub stack: String,
}
