//! Clusters: an Envoy's own application, and the virtual nodes it calls.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;

use local_appmesh::spec::{
    HealthCheckPolicy, HttpConnectionPool, Listener, OutlierDetection, PortProtocol, RequestPool, TcpConnectionPool,
    VirtualGatewayConnectionPool, VirtualNodeConnectionPool, VirtualNodeSpec,
};
use serde_json::{Value, json};

use super::files;
use super::model::{INGRESS_PORT, Proxy, World, file_source, seconds, socket_address};
use super::services::port_mapping;
use crate::discovery::Resolved;

/// App Mesh's value where nothing is limited. Envoy's own limits are far lower, three retries at a time among them.
const UNLIMITED: i64 = i32::MAX as i64;

const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// The name of the cluster by which callers reach a virtual node.
pub fn egress_name(mesh: &str, node: &str) -> String {
    format!("cds_egress_{mesh}_{node}")
}

/// The cluster of a port at which nobody listens.
pub fn dead(proxy: &Proxy, name: &str) -> (Value, Option<BTreeSet<SocketAddrV4>>) {
    (by_files(name, &proxy.directory), Some(BTreeSet::new()))
}

/// The cluster `name` of a virtual node as its callers see it, and its addresses unless DNS has them.
pub fn egress(
    world: World<'_>,
    proxy: &Proxy,
    name: &str,
    node: &VirtualNodeSpec,
) -> (Value, Option<BTreeSet<SocketAddrV4>>) {
    let listener = node.listeners.as_ref().and_then(|all| all.first());
    let (mut cluster, endpoints) = match world.discovery.resolve(node.service_discovery.as_ref()) {
        Resolved::Registered(addresses) => {
            (by_files(name, &proxy.directory), Some(endpoints(world, proxy, node, addresses)))
        }
        Resolved::Dns(hostname) => (by_dns(name, &hostname, node), None),
    };
    cluster["circuit_breakers"] = circuit_breakers(&[]);
    if let Some(listener) = listener {
        set_protocol(&mut cluster, listener.port_mapping.protocol);
        if let Some(check) = &listener.health_check {
            cluster["health_checks"] = json!([health_check(check)]);
        }
        if let Some(detection) = &listener.outlier_detection {
            cluster["outlier_detection"] = outlier_detection(detection);
        }
    }
    (cluster, endpoints)
}

/// Where a virtual node's instances take requests now: at their sidecars, or directly if they have none.
fn endpoints(
    world: World<'_>,
    proxy: &Proxy,
    node: &VirtualNodeSpec,
    addresses: BTreeSet<Ipv4Addr>,
) -> BTreeSet<SocketAddrV4> {
    let direct = port_mapping(node).map(|listener| listener.port.number());
    let addresses = addresses.into_iter();
    addresses
        .filter_map(|address| match world.sidecars.get(&address) {
            Some(true) => Some(SocketAddrV4::new(address, INGRESS_PORT)),
            Some(false) => None,
            None => Some(SocketAddrV4::new(address, proxy.ports.at(address, direct?))),
        })
        .collect()
}

fn by_files(name: &str, directory: &Path) -> Value {
    json!({
        "name": name,
        "type": "EDS",
        "connect_timeout": "1s",
        "eds_cluster_config": {
            "service_name": name,
            "eds_config": file_source(files::endpoints_path(directory, name)),
        },
        // A host that left must not be kept for passing its health check.
        "ignore_health_on_host_removal": true,
    })
}

fn by_dns(name: &str, hostname: &str, node: &VirtualNodeSpec) -> Value {
    let port = port_mapping(node).map_or(80, |listener| listener.port.number());
    json!({
        "name": name,
        "type": "STRICT_DNS",
        "dns_lookup_family": "V4_PREFERRED",
        "connect_timeout": "1s",
        "load_assignment": assignment(name, [(hostname, port)]),
    })
}

/// The cluster of the application behind its own sidecar.
pub fn application(proxy: &Proxy, listener: &Listener) -> Value {
    let mapping = listener.port_mapping;
    let protocol = serde_json::to_value(mapping.protocol).unwrap_or_default();
    let protocol = protocol.as_str().unwrap_or_default();
    let (mesh, node, port) = (&proxy.role.mesh, &proxy.role.name, mapping.port.number());
    let name = format!("cds_ingress_{mesh}_{node}_{protocol}_{port}");
    let mut cluster = fixed(&name, proxy.address, proxy.ports.bound(port));
    set_protocol(&mut cluster, mapping.protocol);
    let limits = match &listener.connection_pool {
        None => vec![],
        Some(VirtualNodeConnectionPool::Http(pool)) => http_limits(pool),
        Some(VirtualNodeConnectionPool::Http2(pool) | VirtualNodeConnectionPool::Grpc(pool)) => request_limits(pool),
        Some(VirtualNodeConnectionPool::Tcp(TcpConnectionPool { max_connections })) => {
            vec![("max_connections", max_connections.get())]
        }
    };
    cluster["circuit_breakers"] = circuit_breakers(&limits);
    cluster
}

/// The cluster that leads from a gateway's listener to the same Envoy's egress listener.
pub fn to_own_egress(proxy: &Proxy, name: &str, pool: Option<&VirtualGatewayConnectionPool>) -> Value {
    let mut cluster = fixed(name, proxy.address, super::model::EGRESS_PORT);
    let limits = match pool {
        None => vec![],
        Some(VirtualGatewayConnectionPool::Http(pool)) => http_limits(pool),
        Some(VirtualGatewayConnectionPool::Http2(pool) | VirtualGatewayConnectionPool::Grpc(pool)) => {
            request_limits(pool)
        }
    };
    cluster["circuit_breakers"] = circuit_breakers(&limits);
    let same = json!({"http_protocol_options": {}, "http2_protocol_options": {}});
    cluster["typed_extension_protocol_options"] = http_options(json!({"use_downstream_protocol_config": same}));
    cluster
}

fn fixed(name: &str, address: Ipv4Addr, port: u16) -> Value {
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": assignment(name, [(address, port)]),
    })
}

/// A cluster's addresses.
pub fn assignment<A: ToString>(cluster: &str, addresses: impl IntoIterator<Item = (A, u16)>) -> Value {
    let hosts: Vec<Value> = addresses
        .into_iter()
        .map(|(address, port)| json!({"endpoint": {"address": socket_address(address, port)}}))
        .collect();
    json!({"cluster_name": cluster, "endpoints": [{"lb_endpoints": hosts}]})
}

fn set_protocol(cluster: &mut Value, protocol: PortProtocol) {
    if matches!(protocol, PortProtocol::Http2 | PortProtocol::Grpc) {
        let explicit = json!({"explicit_http_config": {"http2_protocol_options": {}}});
        cluster["typed_extension_protocol_options"] = http_options(explicit);
    }
}

fn http_options(mut options: Value) -> Value {
    options["@type"] = format!("type.googleapis.com/{HTTP_OPTIONS}").into();
    json!({HTTP_OPTIONS: options})
}

fn http_limits(pool: &HttpConnectionPool) -> Vec<(&'static str, i64)> {
    let pending = pool.max_pending_requests.map(|pending| ("max_pending_requests", pending.get()));
    let connections = Some(("max_connections", pool.max_connections.get()));
    connections.into_iter().chain(pending).collect()
}

fn request_limits(pool: &RequestPool) -> Vec<(&'static str, i64)> {
    vec![("max_requests", pool.max_requests.get())]
}

fn circuit_breakers(limits: &[(&str, i64)]) -> Value {
    let mut thresholds = json!({
        "max_connections": UNLIMITED,
        "max_pending_requests": UNLIMITED,
        "max_requests": UNLIMITED,
        "max_retries": UNLIMITED,
    });
    for (limit, value) in limits {
        thresholds[limit] = (*value).min(UNLIMITED).into();
    }
    json!({"thresholds": [thresholds]})
}

fn health_check(check: &HealthCheckPolicy) -> Value {
    let interval = seconds(check.interval_millis.get().unsigned_abs());
    let mut value = json!({
        "timeout": seconds(check.timeout_millis.get().unsigned_abs()),
        "interval": interval,
        // Envoy checks idle clusters once a minute unless told.
        "no_traffic_interval": interval,
        "healthy_threshold": check.healthy_threshold.get(),
        "unhealthy_threshold": check.unhealthy_threshold.get(),
    });
    let path = check.path.as_deref().unwrap_or("/");
    let (key, how) = match check.protocol {
        PortProtocol::Http => ("http_health_check", json!({"path": path})),
        PortProtocol::Http2 => ("http_health_check", json!({"path": path, "codec_client_type": "HTTP2"})),
        PortProtocol::Grpc => ("grpc_health_check", json!({})),
        PortProtocol::Tcp => ("tcp_health_check", json!({})),
    };
    value[key] = how;
    value
}

fn outlier_detection(detection: &OutlierDetection) -> Value {
    let base = detection.base_ejection_duration.millis();
    json!({
        "consecutive_5xx": detection.max_server_errors.get().min(UNLIMITED),
        "interval": seconds(detection.interval.millis()),
        "base_ejection_time": seconds(base),
        // Envoy refuses a longest ejection (300 s if unset) that is below the base.
        "max_ejection_time": seconds(base.max(300_000)),
        "max_ejection_percent": detection.max_ejection_percent.get(),
        // App Mesh counts server errors only; Envoy would also judge by other means.
        "enforcing_consecutive_5xx": 100,
        "enforcing_consecutive_gateway_failure": 0,
        "enforcing_success_rate": 0,
    })
}
