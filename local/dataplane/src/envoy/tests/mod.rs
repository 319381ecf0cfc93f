//! Configurations from App Mesh resources, looked at where it matters.
#![allow(clippy::unwrap_used)]

mod clusters;
mod gateway;
mod listeners;
mod ports;
mod routes;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use local_appmesh::Snapshot;
use local_appmesh::snapshot::{Mesh, VirtualGateway, VirtualRouter};
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
            role: Role { mesh: "demo".into(), kind, name: name.into() },
            address: Ipv4Addr::new(127, 0, 40, 9),
            directory: "/state/envoy/task".into(),
            log: "/state/logs/task/envoy.log".into(),
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

/// The typed configuration of a listener's only filter.
fn filter(listener: &Value) -> &Value {
    &listener["filter_chains"][0]["filters"][0]["typed_config"]
}
