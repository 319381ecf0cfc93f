//! TCP services: a listener each at the caller's own sidecar, since TCP has no host to route by.

use envoy_types::pb::envoy::config::listener::v3::{Filter, Listener};
use envoy_types::pb::envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;
use envoy_types::pb::envoy::extensions::filters::network::tcp_proxy::v3::tcp_proxy::{
    ClusterSpecifier, WeightedCluster, weighted_cluster::ClusterWeight,
};
use envoy_types::util::pack_any;
use local_appmesh::snapshot::Mesh;
use local_appmesh::spec::{Duration, TcpTimeout};

use super::clusters::egress_name;
use super::listeners;
use super::model::Proxy;
use super::proto::{duration, saturated};
use super::routes::weights;
use super::services::{Provider, Service};

/// The listener at which the application of `proxy` reaches a TCP `service`; nothing while it leads nowhere.
pub fn egress_listener(mesh: &Mesh, proxy: &Proxy, service: &Service<'_>, port: u16) -> Option<Listener> {
    let (target, timeout) = match service.provider {
        Provider::Nobody => return None,
        Provider::Node(name, _) => {
            let cluster = egress_name(&proxy.role.mesh, name);
            (ClusterSpecifier::Cluster(cluster), None)
        }
        Provider::Router(router) => {
            let routes = router.routes.values();
            let routes = routes.filter_map(|spec| Some((spec.priority, spec.tcp_route.as_ref()?)));
            // A TCP route matches everything, so the first by priority (and name) takes all.
            let route = routes.min_by_key(|(priority, _)| priority.map_or(i64::MAX, |first| first.get()));
            let (_, route) = route?;
            let clusters: Vec<ClusterWeight> = weights(&proxy.role.mesh, mesh, &route.action)
                .into_iter()
                // Envoy's TCP proxy refuses a weight of 0.
                .filter(|&(_, weight)| weight > 0)
                .map(|(name, weight)| ClusterWeight { name, weight: saturated(weight), ..Default::default() })
                .collect();
            if clusters.is_empty() {
                return None;
            }
            (ClusterSpecifier::WeightedClusters(WeightedCluster { clusters }), route.timeout.as_ref())
        }
    };
    let filter = tcp_proxy("egress", target, timeout);
    let name = format!("egress_tcp_{}", service.name);
    Some(listeners::listener(&name, proxy.address, port, filter))
}

/// A TCP proxy to `target`.
pub fn tcp_proxy(stat_prefix: &str, target: ClusterSpecifier, timeout: Option<&TcpTimeout>) -> Filter {
    let idle = timeout.and_then(|timeout| timeout.idle);
    let proxy = TcpProxy {
        stat_prefix: stat_prefix.to_owned(),
        idle_timeout: idle.map(Duration::millis).and_then(duration),
        cluster_specifier: Some(target),
        ..Default::default()
    };
    listeners::filter("envoy.filters.network.tcp_proxy", pack_any(proxy))
}
