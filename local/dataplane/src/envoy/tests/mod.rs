//! Configurations from App Mesh resources, looked at where it matters.
#![allow(clippy::unwrap_used)]

mod clusters;
mod gateway;
mod listeners;
mod ports;
mod routes;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::config::cluster::v3::cluster::{ClusterDiscoveryType, DiscoveryType};
use envoy_types::pb::envoy::config::core::v3::Address;
use envoy_types::pb::envoy::config::core::v3::address::Address as AddressKind;
use envoy_types::pb::envoy::config::core::v3::socket_address::PortSpecifier;
use envoy_types::pb::envoy::config::endpoint::v3::lb_endpoint::HostIdentifier;
use envoy_types::pb::envoy::config::listener::v3::Listener;
use envoy_types::pb::envoy::config::listener::v3::filter::ConfigType;
use envoy_types::pb::envoy::config::route::v3::route::Action;
use envoy_types::pb::envoy::config::route::v3::{Route, RouteAction};
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
use envoy_types::pb::google::protobuf::Any;
use local_appmesh::Snapshot;
use local_appmesh::snapshot::{Mesh, VirtualGateway, VirtualRouter};
use prost::{Message, Name};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::model::{Proxy, ProxyConfig, World};
use super::role::{Role, RoleKind};
use super::{egress_ports, generate};
use crate::discovery::Discovery;
use crate::ports::LocalPorts;

/// Resources of the mesh `demo`.
#[derive(Default)]
struct Resources {
    mesh: Mesh,
    discovery: Value,
    sidecars: BTreeMap<Ipv4Addr, bool>,
    /// The lowest port that containers may bind.
    lowest_port: u16,
}

fn parsed<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

impl Resources {
    /// The nodes `shop-1`, `shop-2` and their caller `web`, which knows `shop.demo.local`; that has a router without
    /// routes.
    fn new(protocol: &str) -> Self {
        let mut resources = Self::default();
        let listener = json!({"portMapping": {"port": 8080, "protocol": protocol}});
        for name in ["shop-1", "shop-2"] {
            let discovery = json!({"awsCloudMap": {"namespaceName": "demo.local", "serviceName": name}});
            resources.node(name, json!({"listeners": [listener], "serviceDiscovery": discovery}));
        }
        let backends = json!([{"virtualService": {"virtualServiceName": "shop.demo.local"}}]);
        let web = json!({"portMapping": {"port": 80, "protocol": "http"}});
        resources.node("web", json!({"listeners": [web], "backends": backends}));
        let router = VirtualRouter { spec: parsed(json!({"listeners": [listener]})), routes: BTreeMap::new() };
        resources.mesh.virtual_routers.insert("shop-vr".into(), router);
        let provider = json!({"virtualRouter": {"virtualRouterName": "shop-vr"}});
        resources.service("shop.demo.local", provider);
        resources
    }

    fn node(&mut self, name: &str, spec: Value) {
        self.mesh.virtual_nodes.insert(name.into(), parsed(spec));
    }

    fn service(&mut self, name: &str, provider: Value) {
        let spec = parsed(json!({"provider": provider}));
        self.mesh.virtual_services.insert(name.into(), spec);
    }

    fn route(&mut self, name: &str, spec: Value) {
        let router = self.mesh.virtual_routers.get_mut("shop-vr").unwrap();
        router.routes.insert(name.into(), parsed(spec));
    }

    /// The gateway `ingress` on port 8080.
    fn gateway(&mut self, routes: &[(&str, Value)]) {
        let listener = json!({"portMapping": {"port": 8080, "protocol": "http"}});
        let routes = routes.iter();
        let gateway = VirtualGateway {
            spec: parsed(json!({"listeners": [listener]})),
            routes: routes.map(|(name, spec)| ((*name).into(), parsed(spec.clone()))).collect(),
        };
        self.mesh.virtual_gateways.insert("ingress".into(), gateway);
    }

    /// What the Envoy of `name` gets, whose application has port 80.
    fn config(&self, kind: RoleKind, name: &str) -> ProxyConfig {
        let meshes = BTreeMap::from([("demo".to_owned(), self.mesh.clone())]);
        let mesh = Snapshot { generation: 1, meshes };
        let discovery: Discovery = match &self.discovery {
            Value::Null => Discovery::default(),
            discovery => parsed(discovery.clone()),
        };
        let world = World { mesh: &mesh, discovery: &discovery, sidecars: &self.sidecars };
        let mut proxy = Proxy {
            task: "task".into(),
            role: Role { mesh: "demo".into(), kind, name: name.into() },
            address: Ipv4Addr::new(127, 0, 40, 9),
            directory: "/state/envoy/task".into(),
            reserved: BTreeSet::from([80]),
            ports: LocalPorts::new(&["127.0.40".parse().unwrap()], self.lowest_port),
            egress_ports: BTreeMap::new(),
        };
        proxy.egress_ports = egress_ports(world, &proxy);
        generate(world, &proxy)
    }

    fn of_node(&self, name: &str) -> ProxyConfig {
        self.config(RoleKind::VirtualNode, name)
    }

    fn of_gateway(&self) -> ProxyConfig {
        self.config(RoleKind::VirtualGateway, "ingress")
    }
}

/// An action that splits between `shop-1` and `shop-2`.
fn split(first: u32, second: u32) -> Value {
    json!({"weightedTargets": [
        {"virtualNode": "shop-1", "weight": first}, {"virtualNode": "shop-2", "weight": second}]})
}

/// The message in `any`.
fn unpacked<T: Message + Name + Default>(any: &Any) -> T {
    assert_eq!(any.type_url, T::type_url());
    T::decode(any.value.as_slice()).unwrap()
}

/// The configuration of a listener's only filter.
fn filter<T: Message + Name + Default>(listener: &Listener) -> T {
    match listener.filter_chains[0].filters[0].config_type.as_ref().unwrap() {
        ConfigType::TypedConfig(config) => unpacked(config),
        ConfigType::ConfigDiscovery(_) => unreachable!(),
    }
}

fn manager(listener: &Listener) -> HttpConnectionManager {
    filter(listener)
}

/// An address as `host:port`.
fn address(address: Option<&Address>) -> String {
    let Some(AddressKind::SocketAddress(socket)) = &address.unwrap().address else {
        unreachable!();
    };
    let Some(PortSpecifier::PortValue(port)) = socket.port_specifier else {
        unreachable!();
    };
    format!("{}:{port}", socket.address)
}

/// The only host of a cluster that has it from its configuration.
fn host(cluster: &Cluster) -> String {
    let endpoints = &cluster.load_assignment.as_ref().unwrap().endpoints;
    match endpoints[0].lb_endpoints[0].host_identifier.as_ref().unwrap() {
        HostIdentifier::Endpoint(endpoint) => address(endpoint.address.as_ref()),
        HostIdentifier::EndpointName(_) => unreachable!(),
    }
}

fn has_type(cluster: &Cluster, discovery: DiscoveryType) -> bool {
    cluster.cluster_discovery_type == Some(ClusterDiscoveryType::Type(discovery.into()))
}

/// What a route does, unless it answers by itself.
fn forward(route: &Route) -> &RouteAction {
    match route.action.as_ref().unwrap() {
        Action::Route(action) => action,
        _ => unreachable!(),
    }
}
