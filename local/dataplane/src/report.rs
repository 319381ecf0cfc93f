//! What `/_local/stats` shows.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use local_appmesh::Snapshot;
use local_appmesh::snapshot::Mesh;
use serde::Serialize;

use crate::envoy::model::Proxy;
use crate::envoy::plane::Plane;
use crate::envoy::role::{Role, RoleKind};
use crate::stats::Totals;

/// Counters and weights at one moment, by mesh.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Every mesh that exists, or had an Envoy.
    pub meshes: BTreeMap<String, MeshReport>,
}

/// One mesh.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MeshReport {
    /// Virtual nodes by name, including those whose tasks have all ended.
    pub virtual_nodes: BTreeMap<String, NodeReport>,
    /// Virtual gateways by name, including those whose tasks have all ended.
    pub gateways: BTreeMap<String, GatewayReport>,
    /// The weights in force: virtual nodes by `router/route`.
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
        let snapshot = plane.mesh();
        let live = plane.live();
        let mut report = Self::default();
        for (name, mesh) in &snapshot.meshes {
            report.meshes.entry(name.clone()).or_default().routes = weights(mesh);
        }
        for (role, totals) in plane.book().totals() {
            let envoys: Vec<&Proxy> = live.iter().filter(|one| one.role == role).collect();
            let mesh = report.meshes.entry(role.mesh.clone()).or_default();
            match role.kind {
                RoleKind::VirtualNode => {
                    mesh.virtual_nodes.insert(role.name, NodeReport { tasks: envoys.len(), totals });
                }
                RoleKind::VirtualGateway => {
                    let port = gateway_port(&snapshot, &role);
                    let gateway = gateway(envoys.first().copied(), port, totals);
                    mesh.gateways.insert(role.name, gateway);
                }
            }
        }
        report
    }
}

fn gateway(envoy: Option<&Proxy>, port: Option<u16>, totals: Totals) -> GatewayReport {
    GatewayReport {
        address: envoy.map(|envoy| envoy.address),
        port: port.map(|port| envoy.map_or(port, |envoy| envoy.ports.bound(port))),
        requests: totals.requests,
        classes: totals.classes,
    }
}

fn gateway_port(snapshot: &Snapshot, role: &Role) -> Option<u16> {
    let gateway = snapshot.meshes.get(&role.mesh)?.virtual_gateways.get(&role.name)?;
    let listener = gateway.spec.listeners.first()?;
    Some(listener.port_mapping.port.number())
}

fn weights(mesh: &Mesh) -> BTreeMap<String, BTreeMap<String, i64>> {
    let mut weights = BTreeMap::new();
    for (router_name, router) in &mesh.virtual_routers {
        for (route, spec) in &router.routes {
            let targets = spec.weighted_targets().iter();
            let targets = targets.map(|target| (target.virtual_node.to_string(), target.weight.get())).collect();
            weights.insert(format!("{router_name}/{route}"), targets);
        }
    }
    weights
}
