//! The egress route table: one virtual host per HTTP virtual service, and what becomes of unknown names.

use std::collections::BTreeMap;

use local_appmesh::snapshot::{Mesh, VirtualRouter};
use local_appmesh::spec::{EgressFilterType, ListenerTimeout, RequestTimeout, RouteAction, RouteSpec, VirtualNodeSpec};
use serde_json::{Value, json};

use super::clusters::egress_name;
use super::matching::{self, rank};
use super::model::Proxy;
use super::resilience::{default_retry, grpc_retry, http_retry, set_timeouts};
use super::role::RoleKind;
use super::services::{Provider, Service, Target};

/// The name of the egress route table.
pub const EGRESS: &str = "egress";

/// In a gateway's Envoy this header says which virtual service the gateway route chose. The host cannot, because
/// a gateway route may keep the client's.
pub const SERVICE_HEADER: &str = "x-appmesh-virtual-service";

/// Whether names outside the mesh are passed on. App Mesh drops them unless told otherwise.
pub fn allows_all(mesh: &Mesh) -> bool {
    let filter = mesh.spec.egress_filter.as_ref();
    filter.is_some_and(|filter| filter.kind == EgressFilterType::AllowAll)
}

/// The cluster that takes requests for names outside the mesh.
pub fn allow_all_name(mesh: &str) -> String {
    format!("cds_egress_{mesh}_allow_all")
}

/// The egress route table of `proxy`.
pub fn egress_table(mesh: &Mesh, proxy: &Proxy, services: &[Service<'_>]) -> Value {
    let name = &proxy.role.mesh;
    let services = services.iter().filter(|service| !service.is_tcp());
    let mut hosts: Vec<Value> = services.map(|service| virtual_host(name, mesh, service)).collect();
    let mut table = json!({"name": EGRESS, "ignore_port_in_host_matching": true});
    match proxy.role.kind {
        RoleKind::VirtualGateway => {
            table["vhost_header"] = SERVICE_HEADER.into();
            table["request_headers_to_remove"] = json!([SERVICE_HEADER]);
        }
        RoleKind::VirtualNode if allows_all(mesh) => hosts.push(json!({
            "name": "allow_all",
            "domains": ["*"],
            "routes": [{"match": {"prefix": "/"}, "route": {"cluster": allow_all_name(name), "timeout": "0s"}}],
        })),
        RoleKind::VirtualNode => {}
    }
    table["virtual_hosts"] = hosts.into();
    table
}

fn virtual_host(mesh_name: &str, mesh: &Mesh, service: &Service<'_>) -> Value {
    let routes = match service.provider {
        Provider::Nobody => vec![],
        Provider::Node(name, node) => vec![node_route(mesh_name, name, node)],
        Provider::Router(router) => router_routes(mesh_name, mesh, router),
    };
    json!({"name": service.name, "domains": [service.name], "routes": routes})
}

/// A virtual service that a node provides by itself has one route, with the node's own timeouts.
fn node_route(mesh: &str, name: &str, node: &VirtualNodeSpec) -> Value {
    let mut action = json!({"cluster": egress_name(mesh, name), "retry_policy": default_retry()});
    set_timeouts(&mut action, listener_timeout(node));
    json!({"name": name, "match": {"prefix": "/"}, "route": action})
}

/// The request timeouts of a node's listener.
pub fn listener_timeout(node: &VirtualNodeSpec) -> Option<&RequestTimeout> {
    let listener = node.listeners.as_ref()?.first()?;
    match listener.timeout.as_ref()? {
        ListenerTimeout::Http(timeout) | ListenerTimeout::Http2(timeout) | ListenerTimeout::Grpc(timeout) => {
            Some(timeout)
        }
        ListenerTimeout::Tcp(_) => None,
    }
}

fn router_routes(mesh_name: &str, mesh: &Mesh, router: &VirtualRouter) -> Vec<Value> {
    let routes = router.routes.iter();
    let mut routes: Vec<_> = routes
        .filter_map(|(name, spec)| {
            let route = route(mesh_name, mesh, name, spec)?;
            Some((rank(spec.priority, &route["match"]), route))
        })
        .collect();
    // Stable, so that equals stay in the order of their names.
    routes.sort_by(|(a, _), (b, _)| a.cmp(b));
    routes.into_iter().map(|(_, route)| route).collect()
}

fn route(mesh_name: &str, mesh: &Mesh, name: &str, spec: &RouteSpec) -> Option<Value> {
    let http = spec.http_route.as_ref().or(spec.http2_route.as_ref());
    let (matching, split, retry, timeout) = match (http, &spec.grpc_route) {
        (Some(route), _) => (
            matching::http(&route.matching),
            &route.action,
            http_retry(route.retry_policy.as_ref()),
            route.timeout.as_ref(),
        ),
        (None, Some(route)) => (
            matching::grpc(&route.matching),
            &route.action,
            grpc_retry(route.retry_policy.as_ref()),
            route.timeout.as_ref(),
        ),
        (None, None) => return None,
    };
    let mut result = json!({"name": name, "match": matching});
    let clusters = weights(mesh_name, mesh, split);
    if clusters.values().all(|&weight| weight == 0) {
        // Envoy refuses a split of nothing.
        result["direct_response"] = json!({"status": 503});
        return Some(result);
    }
    let clusters: Vec<Value> =
        clusters.iter().map(|(cluster, weight)| json!({"name": cluster, "weight": weight})).collect();
    let mut action = json!({"weighted_clusters": {"clusters": clusters}, "retry_policy": retry});
    set_timeouts(&mut action, timeout);
    result["route"] = action;
    Some(result)
}

/// Each target's cluster and weight, of the targets that exist.
pub fn weights(mesh_name: &str, mesh: &Mesh, action: &RouteAction) -> BTreeMap<String, i64> {
    let mut weights = BTreeMap::new();
    for target in &action.weighted_targets {
        if mesh.virtual_nodes.contains_key(&*target.virtual_node) {
            let cluster = Target::of(mesh, target).cluster(mesh_name);
            *weights.entry(cluster).or_default() += target.weight.get();
        }
    }
    weights
}
