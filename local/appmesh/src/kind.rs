//! The seven kinds of resource, each described once; everything else is the same for all of them.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::fault::Fault;
use crate::rules;
use crate::spec::{
    GatewayRouteSpec, MeshSpec, RouteSpec, VirtualGatewaySpec, VirtualNodeSpec, VirtualRouterSpec, VirtualServiceSpec,
};

/// A kind of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Mesh,
    VirtualNode,
    VirtualRouter,
    Route,
    VirtualService,
    VirtualGateway,
    GatewayRoute,
}

/// How the API speaks of a kind.
#[derive(Debug)]
pub(crate) struct Description {
    /// In messages.
    pub label: &'static str,
    /// In ARNs, before the name.
    pub segment: &'static str,
    /// The member that holds the name.
    pub name_member: &'static str,
    /// The member of a list answer that holds the entries.
    pub list_member: &'static str,
    /// The path of the collection, after the API version.
    pub collection: &'static str,
    /// The kind that this kind lies in.
    pub parent: Option<Kind>,
}

impl Kind {
    pub const ALL: [Kind; 7] = [
        Kind::Mesh,
        Kind::VirtualNode,
        Kind::VirtualRouter,
        Kind::Route,
        Kind::VirtualService,
        Kind::VirtualGateway,
        Kind::GatewayRoute,
    ];

    pub fn describe(self) -> &'static Description {
        match self {
            Kind::Mesh => &Description {
                label: "mesh",
                segment: "mesh",
                name_member: "meshName",
                list_member: "meshes",
                collection: "/meshes",
                parent: None,
            },
            Kind::VirtualNode => &Description {
                label: "virtual node",
                segment: "virtualNode",
                name_member: "virtualNodeName",
                list_member: "virtualNodes",
                collection: "/meshes/{meshName}/virtualNodes",
                parent: Some(Kind::Mesh),
            },
            Kind::VirtualRouter => &Description {
                label: "virtual router",
                segment: "virtualRouter",
                name_member: "virtualRouterName",
                list_member: "virtualRouters",
                collection: "/meshes/{meshName}/virtualRouters",
                parent: Some(Kind::Mesh),
            },
            Kind::Route => &Description {
                label: "route",
                segment: "route",
                name_member: "routeName",
                list_member: "routes",
                collection: "/meshes/{meshName}/virtualRouter/{virtualRouterName}/routes",
                parent: Some(Kind::VirtualRouter),
            },
            Kind::VirtualService => &Description {
                label: "virtual service",
                segment: "virtualService",
                name_member: "virtualServiceName",
                list_member: "virtualServices",
                collection: "/meshes/{meshName}/virtualServices",
                parent: Some(Kind::Mesh),
            },
            Kind::VirtualGateway => &Description {
                label: "virtual gateway",
                segment: "virtualGateway",
                name_member: "virtualGatewayName",
                list_member: "virtualGateways",
                collection: "/meshes/{meshName}/virtualGateways",
                parent: Some(Kind::Mesh),
            },
            Kind::GatewayRoute => &Description {
                label: "gateway route",
                segment: "gatewayRoute",
                name_member: "gatewayRouteName",
                list_member: "gatewayRoutes",
                collection: "/meshes/{meshName}/virtualGateway/{virtualGatewayName}/gatewayRoutes",
                parent: Some(Kind::VirtualGateway),
            },
        }
    }

    /// This kind and those it lies in, outermost first.
    pub fn lineage(self) -> Vec<Kind> {
        let mut lineage: Vec<Kind> = std::iter::successors(Some(self), |kind| kind.describe().parent).collect();
        lineage.reverse();
        lineage
    }

    /// Reads and checks the `spec` member of a request. Only a mesh may do without it.
    pub fn spec(self, spec: Option<Value>) -> Result<Spec, Fault> {
        let spec = match (spec, self) {
            (Some(spec), _) => spec,
            (None, Kind::Mesh) => return Ok(Spec::Mesh(MeshSpec::default())),
            (None, _) => return Err(Fault::invalid("spec", "is missing")),
        };
        let spec = match self {
            Kind::Mesh => Spec::Mesh(parse("spec", spec)?),
            Kind::VirtualNode => Spec::VirtualNode(Box::new(parse("spec", spec)?)),
            Kind::VirtualRouter => Spec::VirtualRouter(parse("spec", spec)?),
            Kind::Route => Spec::Route(Box::new(parse("spec", spec)?)),
            Kind::VirtualService => Spec::VirtualService(parse("spec", spec)?),
            Kind::VirtualGateway => Spec::VirtualGateway(Box::new(parse("spec", spec)?)),
            Kind::GatewayRoute => Spec::GatewayRoute(Box::new(parse("spec", spec)?)),
        };
        rules::check(&spec)?;
        Ok(spec)
    }
}

/// The specification of a resource of any kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Spec {
    Mesh(MeshSpec),
    VirtualNode(Box<VirtualNodeSpec>),
    VirtualRouter(VirtualRouterSpec),
    Route(Box<RouteSpec>),
    VirtualService(VirtualServiceSpec),
    VirtualGateway(Box<VirtualGatewaySpec>),
    GatewayRoute(Box<GatewayRouteSpec>),
}

/// Reads a member of a request; what is wrong is said with the path of the member at fault.
pub(crate) fn parse<T: DeserializeOwned>(member: &str, value: Value) -> Result<T, Fault> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = match error.path().to_string().as_str() {
            "." => member.to_owned(),
            inner => format!("{member}.{inner}"),
        };
        Fault::invalid(&path, error.inner())
    })
}
