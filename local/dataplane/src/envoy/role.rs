//! Which App Mesh resource an Envoy is.

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

/// Variables that name the resource, the newer one first.
const VARIABLES: [&str; 3] = ["APPMESH_RESOURCE_ARN", "APPMESH_VIRTUAL_NODE_NAME", "APPMESH_RESOURCE_NAME"];

/// The App Mesh resource that an Envoy takes its configuration from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Role {
    /// The mesh's name.
    pub mesh: String,
    /// What it is in the mesh.
    pub kind: RoleKind,
    /// Its name.
    pub name: String,
}

/// What an Envoy can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoleKind {
    /// A task's sidecar.
    VirtualNode,
    /// A way into the mesh.
    VirtualGateway,
}

/// The environment of an Envoy container does not say what it is.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RoleError {
    /// No variable is set.
    #[error("the Envoy container's environment lacks `APPMESH_RESOURCE_ARN`")]
    Absent,
    /// The variable's value is not a resource.
    #[error("`{0}` is `{1}`: expected `mesh/MESH/virtualNode/NAME` or `mesh/MESH/virtualGateway/NAME`, or its ARN")]
    Malformed(&'static str, String),
}

impl Role {
    /// Reads the role from a container's environment.
    ///
    /// # Errors
    /// If it is not there or not a virtual node or gateway.
    pub fn from_environment(environment: &BTreeMap<String, String>) -> Result<Self, RoleError> {
        let set = |name: &&'static str| Some((*name, environment.get(*name)?));
        let (variable, value) = VARIABLES.iter().find_map(set).ok_or(RoleError::Absent)?;
        // In an ARN the resource follows the last colon; names hold none.
        let resource = value.rsplit(':').next().unwrap_or(value);
        let malformed = || RoleError::Malformed(variable, value.clone());
        let parts: Vec<&str> = resource.split('/').collect();
        let &["mesh", mesh, kind, name] = parts.as_slice() else {
            return Err(malformed());
        };
        let kind = match kind {
            "virtualNode" => RoleKind::VirtualNode,
            "virtualGateway" => RoleKind::VirtualGateway,
            _ => return Err(malformed()),
        };
        Ok(Self { mesh: mesh.to_owned(), kind, name: name.to_owned() })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            RoleKind::VirtualNode => "virtualNode",
            RoleKind::VirtualGateway => "virtualGateway",
        };
        write!(f, "mesh/{}/{kind}/{}", self.mesh, self.name)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn role(variable: &str, value: &str) -> Result<Role, RoleError> {
        Role::from_environment(&BTreeMap::from([(variable.to_owned(), value.to_owned())]))
    }

    #[test]
    fn a_role_is_read_from_a_name_or_an_arn() {
        let node = role("APPMESH_VIRTUAL_NODE_NAME", "mesh/demo/virtualNode/hello-1").unwrap();
        assert_eq!(node.to_string(), "mesh/demo/virtualNode/hello-1");
        let arn = "arn:aws:appmesh:us-west-2:000000000000:mesh/demo/virtualGateway/ingress";
        let gateway = role("APPMESH_RESOURCE_ARN", arn).unwrap();
        assert_eq!((gateway.kind, gateway.name.as_str()), (RoleKind::VirtualGateway, "ingress"));
    }

    #[test]
    fn anything_else_is_refused_naming_the_variable() {
        assert_eq!(role("PATH", "x"), Err(RoleError::Absent));
        for bad in ["demo", "mesh/demo", "mesh/demo/virtualRouter/r", "mesh/demo/virtualNode/a/b"] {
            let error = role("APPMESH_RESOURCE_ARN", bad).unwrap_err().to_string();
            assert!(error.contains("APPMESH_RESOURCE_ARN") && error.contains(bad), "{error}");
        }
    }
}
