//! What a data plane reads: all resources at one moment, typed.

use std::collections::BTreeMap;

use crate::spec::{
    GatewayRouteSpec, MeshSpec, RouteSpec, VirtualGatewaySpec, VirtualNodeSpec, VirtualRouterSpec, VirtualServiceSpec,
};

/// All resources at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// The generation of this state; it increases with each change.
    pub generation: u64,
    /// Meshes by name.
    pub meshes: BTreeMap<String, Mesh>,
}

/// One mesh and what it contains, each by its name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mesh {
    /// The mesh itself.
    pub spec: MeshSpec,
    /// Virtual nodes.
    pub virtual_nodes: BTreeMap<String, VirtualNodeSpec>,
    /// Virtual routers, with their routes.
    pub virtual_routers: BTreeMap<String, VirtualRouter>,
    /// Virtual services; the name is the one that callers use.
    pub virtual_services: BTreeMap<String, VirtualServiceSpec>,
    /// Virtual gateways, with their routes.
    pub virtual_gateways: BTreeMap<String, VirtualGateway>,
}

/// A virtual router and its routes.
#[derive(Debug, Clone, PartialEq)]
pub struct VirtualRouter {
    /// The router itself.
    pub spec: VirtualRouterSpec,
    /// Its routes by name.
    pub routes: BTreeMap<String, RouteSpec>,
}

/// A virtual gateway and its routes.
#[derive(Debug, Clone, PartialEq)]
pub struct VirtualGateway {
    /// The gateway itself.
    pub spec: VirtualGatewaySpec,
    /// Its routes by name.
    pub routes: BTreeMap<String, GatewayRouteSpec>,
}
