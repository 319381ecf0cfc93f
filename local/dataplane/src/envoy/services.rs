//! Which virtual services an Envoy knows, and who provides them.

use std::collections::{BTreeMap, BTreeSet};

use local_appmesh::snapshot::{Mesh, VirtualRouter};
use local_appmesh::spec::{
    Backend, PortMapping, PortProtocol, RouteSpec, VirtualNodeSpec, VirtualServiceProvider, WeightedTarget,
};

use super::clusters::egress_name;
use super::model::{ADMIN_PORT, EGRESS_PORT, INGRESS_PORT, Proxy};
use super::role::{Role, RoleKind};

/// Where ports for TCP virtual services are looked for when their own is not free.
const SPARE_PORTS: std::ops::Range<u16> = 15100..15999;

/// A virtual service and its provider.
#[derive(Debug, Clone, Copy)]
pub struct Service<'a> {
    /// The name callers use.
    pub name: &'a str,
    /// Who answers.
    pub provider: Provider<'a>,
    listener: Option<PortMapping>,
}

/// A virtual node that may answer for a virtual service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target<'a> {
    /// The virtual node's name.
    pub node: &'a str,
    /// The port that a route asks for although the node does not listen there; nobody answers at it.
    pub dead_port: Option<u16>,
}

impl<'a> Target<'a> {
    /// The target of a route.
    pub fn of(mesh: &Mesh, target: &'a WeightedTarget) -> Self {
        let listener = mesh.virtual_nodes.get(&*target.virtual_node).and_then(port_mapping);
        let port = target.port.filter(|port| listener.is_none_or(|listener| listener.port != *port));
        Self { node: &target.virtual_node, dead_port: port.map(|port| port.number()) }
    }

    /// The name of the cluster by which callers reach it.
    pub fn cluster(&self, mesh: &str) -> String {
        let name = egress_name(mesh, self.node);
        match self.dead_port {
            None => name,
            Some(port) => format!("{name}_port_{port}"),
        }
    }
}

/// Who answers for a virtual service.
#[derive(Debug, Clone, Copy)]
pub enum Provider<'a> {
    /// Nobody yet.
    Nobody,
    /// This virtual node.
    Node(&'a str, &'a VirtualNodeSpec),
    /// This router's routes.
    Router(&'a VirtualRouter),
}

impl<'a> Service<'a> {
    fn of(mesh: &'a Mesh, name: &'a str) -> Option<Self> {
        let spec = mesh.virtual_services.get(name)?;
        let found = match &spec.provider {
            None => None,
            Some(VirtualServiceProvider::VirtualNode(provider)) => {
                let found = mesh.virtual_nodes.get_key_value(&*provider.virtual_node_name);
                found.map(|(name, node)| (Provider::Node(name, node), port_mapping(node)))
            }
            Some(VirtualServiceProvider::VirtualRouter(provider)) => {
                let router = mesh.virtual_routers.get(&*provider.virtual_router_name);
                router.map(|router| {
                    let mut listeners = router.spec.listeners.iter().flatten();
                    let listener = listeners.next().map(|listener| listener.port_mapping);
                    (Provider::Router(router), listener)
                })
            }
        };
        let (provider, listener) = found.unwrap_or((Provider::Nobody, None));
        Some(Self { name, provider, listener })
    }

    /// Whether it is a TCP service, which callers reach at a port instead of a name.
    pub fn is_tcp(&self) -> bool {
        match self.listener {
            Some(listener) => listener.protocol == PortProtocol::Tcp,
            None => self.routes().any(|route| route.tcp_route.is_some()),
        }
    }

    /// The virtual nodes that may answer.
    pub fn targets(&self, mesh: &Mesh) -> BTreeSet<Target<'a>> {
        let node = match self.provider {
            Provider::Node(node, _) => Some(Target { node, dead_port: None }),
            Provider::Nobody | Provider::Router(_) => None,
        };
        let routed = self.routes().flat_map(RouteSpec::weighted_targets);
        let routed = routed.map(|target| Target::of(mesh, target));
        routed.chain(node).collect()
    }

    fn routes(&self) -> impl Iterator<Item = &'a RouteSpec> + use<'a> {
        let router = match self.provider {
            Provider::Router(router) => Some(router),
            Provider::Nobody | Provider::Node(..) => None,
        };
        router.into_iter().flat_map(|router| router.routes.values())
    }
}

/// The port a virtual node listens on. App Mesh's one-listener form is what runs here: further listeners are not.
pub fn port_mapping(node: &VirtualNodeSpec) -> Option<PortMapping> {
    let listener = node.listeners.as_ref()?.first()?;
    Some(listener.port_mapping)
}

/// The virtual services that an Envoy knows, by name: a node's backends, or what a gateway's routes lead to.
pub fn known_to<'a>(mesh: &'a Mesh, role: &Role) -> Vec<Service<'a>> {
    let names: BTreeSet<&str> = match role.kind {
        RoleKind::VirtualNode => {
            let node = mesh.virtual_nodes.get(&role.name);
            let backends = node.and_then(|node| node.backends.as_ref());
            let backends = backends.into_iter().flatten();
            backends.map(|Backend::VirtualService(backend)| backend.virtual_service_name.as_str()).collect()
        }
        RoleKind::VirtualGateway => {
            let gateway = mesh.virtual_gateways.get(&role.name);
            let routes = gateway.into_iter().flat_map(|gateway| gateway.routes.values());
            let targets = routes.filter_map(|route| route.target());
            targets.map(|target| &*target.virtual_service.virtual_service_name).collect()
        }
    };
    let services = names.into_iter();
    services.filter_map(|name| Service::of(mesh, name)).collect()
}

/// The ports at which a sidecar offers TCP services: what it gave out before, and for each further service its
/// listener's port, or a spare one where that is taken on the task's address.
pub fn egress_ports(services: &[Service<'_>], proxy: &Proxy) -> BTreeMap<String, u16> {
    let mut ports = proxy.egress_ports.clone();
    let mut taken = proxy.reserved.clone();
    taken.extend([INGRESS_PORT, EGRESS_PORT, ADMIN_PORT]);
    taken.extend(ports.values());
    for service in services.iter().filter(|service| service.is_tcp()) {
        if ports.contains_key(service.name) {
            continue;
        }
        let own = service.listener.map(|listener| proxy.ports.bound(listener.port.number()));
        let mut candidates = own.into_iter().chain(SPARE_PORTS);
        if let Some(port) = candidates.find(|port| !taken.contains(port)) {
            taken.insert(port);
            ports.insert(service.name.to_owned(), port);
        }
    }
    ports
}
