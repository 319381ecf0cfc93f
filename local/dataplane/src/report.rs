//! What `/_local/stats` shows.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use local_appmesh::Snapshot;
use serde::Serialize;

use crate::envoy::plane::Plane;
use crate::envoy::role::RoleKind;
use crate::stats::Totals;

/// Counters and weights at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Virtual nodes by name, including those whose tasks have all ended.
    pub virtual_nodes: BTreeMap<String, NodeReport>,
    /// Virtual gateways by name.
    pub gateways: BTreeMap<String, GatewayReport>,
    /// The weights in force: virtual nodes by `mesh/router/route`.
    pub routes: BTreeMap<String, BTreeMap<String, i64>>,
}

/// A virtual node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeReport {
    /// Tasks whose Envoy is live.
    pub tasks: usize,
    /// Its totals.
    #[serde(flatten)]
    pub totals: Totals,
}

/// A virtual gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GatewayReport {
    /// The address of one of its live tasks, if there is one.
    pub address: Option<Ipv4Addr>,
    /// The port of its first listener.
    pub port: Option<u16>,
    /// HTTP requests that it took.
    pub requests: u64,
    /// Of these, those answered with each class of status codes.
    pub classes: BTreeMap<usize, u64>,
}

impl Report {
    /// The report as of the last samples.
    pub fn of(plane: &Plane) -> Self {
        let mesh = plane.mesh();
        let live = plane.live();
        let of = |kind, name: &str| {
            let matching = live.iter().filter(|one| one.role.kind == kind && one.role.name == name);
            matching.collect::<Vec<_>>()
        };
        let nodes = plane.book().nodes().into_iter();
        let gateways = plane.book().gateways().into_iter();
        Self {
            virtual_nodes: nodes
                .map(|(name, totals)| {
                    let tasks = of(RoleKind::VirtualNode, &name).len();
                    (name, NodeReport { tasks, totals })
                })
                .collect(),
            gateways: gateways
                .map(|(name, totals)| {
                    let envoy = of(RoleKind::VirtualGateway, &name).first().copied();
                    let address = envoy.map(|envoy| envoy.address);
                    let port = gateway_port(&mesh, &name);
                    let port = port.map(|port| envoy.map_or(port, |envoy| envoy.ports.bound(port)));
                    (name, GatewayReport { address, port, requests: totals.requests, classes: totals.classes })
                })
                .collect(),
            routes: weights(&mesh),
        }
    }
}

fn gateway_port(mesh: &Snapshot, name: &str) -> Option<u16> {
    let mut gateways = mesh.meshes.values().filter_map(|mesh| mesh.virtual_gateways.get(name));
    let listener = gateways.find_map(|gateway| gateway.spec.listeners.first());
    listener.map(|listener| listener.port_mapping.port.number())
}

fn weights(mesh: &Snapshot) -> BTreeMap<String, BTreeMap<String, i64>> {
    let mut weights = BTreeMap::new();
    for (mesh_name, mesh) in &mesh.meshes {
        for (router_name, router) in &mesh.virtual_routers {
            for (route, spec) in &router.routes {
                let targets = spec.weighted_targets().iter();
                let targets = targets.map(|target| (target.virtual_node.to_string(), target.weight.get())).collect();
                weights.insert(format!("{mesh_name}/{router_name}/{route}"), targets);
            }
        }
    }
    weights
}
