//! The egress route table: one virtual host per HTTP virtual service, and what becomes of unknown names.

use std::collections::BTreeMap;

use envoy_types::pb::envoy::config::route::v3::route::Action;
use envoy_types::pb::envoy::config::route::v3::route_action::ClusterSpecifier;
use envoy_types::pb::envoy::config::route::v3::route_match::PathSpecifier;
use envoy_types::pb::envoy::config::route::v3::weighted_cluster::ClusterWeight;
use envoy_types::pb::envoy::config::route::v3::{
    DirectResponseAction, Route, RouteAction, RouteConfiguration, VirtualHost, WeightedCluster,
};
use local_appmesh::snapshot::{Mesh, VirtualRouter};
use local_appmesh::spec::{self, EgressFilterType, ListenerTimeout, RequestTimeout, RouteSpec, VirtualNodeSpec};

use super::clusters::egress_name;
use super::matching::{self, rank};
use super::model::Proxy;
use super::proto::{duration, number};
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
pub fn egress_table(mesh: &Mesh, proxy: &Proxy, services: &[Service<'_>]) -> RouteConfiguration {
    let name = &proxy.role.mesh;
    let services = services.iter().filter(|service| !service.is_tcp());
    let mut table = RouteConfiguration {
        name: EGRESS.to_owned(),
        virtual_hosts: services.map(|service| service_host(name, mesh, service)).collect(),
        ignore_port_in_host_matching: true,
        ..Default::default()
    };
    match proxy.role.kind {
        RoleKind::VirtualGateway => {
            table.vhost_header = SERVICE_HEADER.to_owned();
            table.request_headers_to_remove = vec![SERVICE_HEADER.to_owned()];
        }
        RoleKind::VirtualNode if allows_all(mesh) => {
            let action = RouteAction { timeout: duration(0), ..to_cluster(&allow_all_name(name)) };
            table.virtual_hosts.push(virtual_host("allow_all", "*", vec![catch_all("", action)]));
        }
        RoleKind::VirtualNode => {}
    }
    table
}

/// A virtual host with one domain.
pub fn virtual_host(name: &str, domain: &str, routes: Vec<Route>) -> VirtualHost {
    VirtualHost { name: name.to_owned(), domains: vec![domain.to_owned()], routes, ..Default::default() }
}

/// A route that takes every request.
pub fn catch_all(name: &str, action: RouteAction) -> Route {
    let everything = matching::with_conditions(PathSpecifier::Prefix("/".to_owned()), vec![], &[]);
    Route {
        name: name.to_owned(),
        r#match: Some(everything),
        action: Some(Action::Route(action)),
        ..Default::default()
    }
}

/// What leads to `cluster`.
pub fn to_cluster(cluster: &str) -> RouteAction {
    let cluster_specifier = Some(ClusterSpecifier::Cluster(cluster.to_owned()));
    RouteAction { cluster_specifier, ..Default::default() }
}

fn service_host(mesh_name: &str, mesh: &Mesh, service: &Service<'_>) -> VirtualHost {
    let routes = match service.provider {
        Provider::Nobody => vec![],
        Provider::Node(name, node) => vec![node_route(mesh_name, name, node)],
        Provider::Router(router) => router_routes(mesh_name, mesh, router),
    };
    virtual_host(service.name, service.name, routes)
}

/// A virtual service that a node provides by itself has one route, with the node's own timeouts.
fn node_route(mesh: &str, name: &str, node: &VirtualNodeSpec) -> Route {
    let mut action = to_cluster(&egress_name(mesh, name));
    action.retry_policy = Some(default_retry());
    set_timeouts(&mut action, listener_timeout(node));
    catch_all(name, action)
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

fn router_routes(mesh_name: &str, mesh: &Mesh, router: &VirtualRouter) -> Vec<Route> {
    let routes = router.routes.iter();
    let mut routes: Vec<_> = routes
        .filter_map(|(name, spec)| {
            let route = route(mesh_name, mesh, name, spec)?;
            Some((rank(spec.priority, route.r#match.as_ref()?), route))
        })
        .collect();
    // Stable, so that equals stay in the order of their names.
    routes.sort_by(|(a, _), (b, _)| a.cmp(b));
    routes.into_iter().map(|(_, route)| route).collect()
}

fn route(mesh_name: &str, mesh: &Mesh, name: &str, spec: &RouteSpec) -> Option<Route> {
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
    let clusters = weights(mesh_name, mesh, split);
    let action = if clusters.values().all(|&weight| weight == 0) {
        // Envoy refuses a split of nothing.
        Action::DirectResponse(DirectResponseAction { status: 503, ..Default::default() })
    } else {
        let clusters = clusters.into_iter();
        let clusters = clusters
            .map(|(name, weight)| ClusterWeight { name, weight: number(weight), ..Default::default() })
            .collect();
        let split = WeightedCluster { clusters, ..Default::default() };
        let mut action = RouteAction {
            cluster_specifier: Some(ClusterSpecifier::WeightedClusters(split)),
            retry_policy: Some(retry),
            ..Default::default()
        };
        set_timeouts(&mut action, timeout);
        Action::Route(action)
    };
    Some(Route { name: name.to_owned(), r#match: Some(matching), action: Some(action), ..Default::default() })
}

/// Each target's cluster and weight, of the targets that exist.
pub fn weights(mesh_name: &str, mesh: &Mesh, action: &spec::RouteAction) -> BTreeMap<String, i64> {
    let mut weights = BTreeMap::new();
    for target in &action.weighted_targets {
        if mesh.virtual_nodes.contains_key(&*target.virtual_node) {
            let cluster = Target::of(mesh, target).cluster(mesh_name);
            *weights.entry(cluster).or_default() += target.weight.get();
        }
    }
    weights
}
