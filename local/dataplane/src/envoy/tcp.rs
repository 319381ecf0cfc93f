//! TCP services: a listener each at the caller's own sidecar, since TCP has no host to route by.

use local_appmesh::snapshot::Mesh;
use local_appmesh::spec::{Duration, TcpTimeout};
use serde_json::{Value, json};

use super::clusters::egress_name;
use super::listeners;
use super::model::{Proxy, seconds};
use super::routes::weights;
use super::services::{Provider, Service};

const TCP_PROXY: &str = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";

/// The listener at which the application of `proxy` reaches a TCP `service`; nothing while it leads nowhere.
pub fn egress_listener(mesh: &Mesh, proxy: &Proxy, service: &Service<'_>, port: u16) -> Option<Value> {
    let (target, timeout) = match service.provider {
        Provider::Nobody => return None,
        Provider::Node(name, _) => {
            let cluster = egress_name(&proxy.role.mesh, name);
            (json!({"cluster": cluster}), None)
        }
        Provider::Router(router) => {
            let routes = router.routes.values();
            let routes = routes.filter_map(|spec| Some((spec.priority, spec.tcp_route.as_ref()?)));
            // A TCP route matches everything, so the first by priority (and name) takes all.
            let route = routes.min_by_key(|(priority, _)| priority.map_or(i64::MAX, |first| first.get()));
            let (_, route) = route?;
            let clusters: Vec<Value> = weights(&proxy.role.mesh, mesh, &route.action)
                .iter()
                // Envoy's TCP proxy refuses a weight of 0.
                .filter(|&(_, &weight)| weight > 0)
                .map(|(cluster, weight)| json!({"name": cluster, "weight": weight}))
                .collect();
            if clusters.is_empty() {
                return None;
            }
            (json!({"weighted_clusters": {"clusters": clusters}}), route.timeout.as_ref())
        }
    };
    let filter = tcp_proxy("egress", target, timeout);
    let name = format!("egress_tcp_{}", service.name);
    Some(listeners::listener(&name, proxy.address, port, filter))
}

/// A TCP proxy to `target`, which is a `cluster` or `weighted_clusters`.
pub fn tcp_proxy(stat_prefix: &str, target: Value, timeout: Option<&TcpTimeout>) -> Value {
    let mut proxy = target;
    proxy["@type"] = TCP_PROXY.into();
    proxy["stat_prefix"] = stat_prefix.into();
    if let Some(idle) = timeout.and_then(|timeout| timeout.idle) {
        proxy["idle_timeout"] = seconds(Duration::millis(idle)).into();
    }
    json!({"name": "envoy.filters.network.tcp_proxy", "typed_config": proxy})
}
