//! Clusters: an Envoy's own application, and the virtual nodes it calls.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};

use envoy_types::pb::envoy::config::cluster::v3::circuit_breakers::Thresholds;
use envoy_types::pb::envoy::config::cluster::v3::cluster::{
    ClusterDiscoveryType, DiscoveryType, DnsLookupFamily, EdsClusterConfig,
};
use envoy_types::pb::envoy::config::cluster::v3::{self as cluster, CircuitBreakers, Cluster};
use envoy_types::pb::envoy::config::core::v3::health_check::{
    GrpcHealthCheck, HealthChecker, HttpHealthCheck, TcpHealthCheck,
};
use envoy_types::pb::envoy::config::core::v3::{HealthCheck, Http1ProtocolOptions, Http2ProtocolOptions};
use envoy_types::pb::envoy::config::endpoint::v3::lb_endpoint::HostIdentifier;
use envoy_types::pb::envoy::config::endpoint::v3::{ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints};
use envoy_types::pb::envoy::extensions::upstreams::http::v3::HttpProtocolOptions;
use envoy_types::pb::envoy::extensions::upstreams::http::v3::http_protocol_options::{
    ExplicitHttpConfig, UpstreamProtocolOptions, UseDownstreamHttpConfig, explicit_http_config::ProtocolConfig,
};
use envoy_types::pb::envoy::r#type::v3::CodecClientType;
use envoy_types::util::pack_any;
use local_appmesh::spec::{
    HealthCheckPolicy, HttpConnectionPool, Listener, OutlierDetection, PortProtocol, RequestPool, TcpConnectionPool,
    VirtualGatewayConnectionPool, VirtualNodeConnectionPool, VirtualNodeSpec,
};

use super::model::{EGRESS_PORT, INGRESS_PORT, Proxy, World};
use super::proto::{ads, duration, number, socket_address};
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
pub fn dead(name: &str) -> (Cluster, Option<BTreeSet<SocketAddrV4>>) {
    (by_eds(name), Some(BTreeSet::new()))
}

/// The cluster `name` of a virtual node as its callers see it, and its addresses unless DNS has them.
pub fn egress(
    world: World<'_>,
    proxy: &Proxy,
    name: &str,
    node: &VirtualNodeSpec,
) -> (Cluster, Option<BTreeSet<SocketAddrV4>>) {
    let listener = node.listeners.as_ref().and_then(|all| all.first());
    let (mut cluster, endpoints) = match world.discovery.resolve(node.service_discovery.as_ref()) {
        Resolved::Registered(addresses) => (by_eds(name), Some(endpoints(world, proxy, node, addresses))),
        Resolved::Dns(hostname) => (by_dns(name, &hostname, node), None),
    };
    cluster.circuit_breakers = circuit_breakers(unlimited());
    if let Some(listener) = listener {
        set_protocol(&mut cluster, listener.port_mapping.protocol);
        cluster.health_checks = listener.health_check.iter().map(health_check).collect();
        cluster.outlier_detection = listener.outlier_detection.as_ref().map(outlier_detection);
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

fn by_eds(name: &str) -> Cluster {
    Cluster {
        eds_cluster_config: Some(EdsClusterConfig { eds_config: ads(), service_name: name.to_owned() }),
        // A host that left must not be kept for passing its health check.
        ignore_health_on_host_removal: true,
        ..cluster(name, DiscoveryType::Eds)
    }
}

fn by_dns(name: &str, hostname: &str, node: &VirtualNodeSpec) -> Cluster {
    let port = port_mapping(node).map_or(80, |listener| listener.port.number());
    Cluster {
        dns_lookup_family: DnsLookupFamily::V4Preferred.into(),
        load_assignment: Some(assignment(name, [(hostname, port)])),
        ..cluster(name, DiscoveryType::StrictDns)
    }
}

fn fixed(name: &str, address: Ipv4Addr, port: u16) -> Cluster {
    let load_assignment = Some(assignment(name, [(address, port)]));
    Cluster { load_assignment, ..cluster(name, DiscoveryType::Static) }
}

fn cluster(name: &str, discovery: DiscoveryType) -> Cluster {
    Cluster {
        name: name.to_owned(),
        connect_timeout: duration(1000),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(discovery.into())),
        ..Default::default()
    }
}

/// The cluster of the application behind its own sidecar.
pub fn application(proxy: &Proxy, listener: &Listener) -> Cluster {
    let mapping = listener.port_mapping;
    let protocol = serde_json::to_value(mapping.protocol).unwrap_or_default();
    let protocol = protocol.as_str().unwrap_or_default();
    let (mesh, node, port) = (&proxy.role.mesh, &proxy.role.name, mapping.port.number());
    let name = format!("cds_ingress_{mesh}_{node}_{protocol}_{port}");
    let mut cluster = fixed(&name, proxy.address, proxy.ports.bound(port));
    set_protocol(&mut cluster, mapping.protocol);
    let limits = match &listener.connection_pool {
        None => unlimited(),
        Some(VirtualNodeConnectionPool::Http(pool)) => http_limits(pool),
        Some(VirtualNodeConnectionPool::Http2(pool) | VirtualNodeConnectionPool::Grpc(pool)) => request_limits(pool),
        Some(VirtualNodeConnectionPool::Tcp(TcpConnectionPool { max_connections })) => {
            Thresholds { max_connections: limit(max_connections.get()), ..unlimited() }
        }
    };
    cluster.circuit_breakers = circuit_breakers(limits);
    cluster
}

/// The cluster that leads from a gateway's listener to the same Envoy's egress listener.
pub fn to_own_egress(proxy: &Proxy, name: &str, pool: Option<&VirtualGatewayConnectionPool>) -> Cluster {
    let mut cluster = fixed(name, proxy.address, EGRESS_PORT);
    let limits = match pool {
        None => unlimited(),
        Some(VirtualGatewayConnectionPool::Http(pool)) => http_limits(pool),
        Some(VirtualGatewayConnectionPool::Http2(pool) | VirtualGatewayConnectionPool::Grpc(pool)) => {
            request_limits(pool)
        }
    };
    cluster.circuit_breakers = circuit_breakers(limits);
    let same = UseDownstreamHttpConfig {
        http_protocol_options: Some(Http1ProtocolOptions::default()),
        http2_protocol_options: Some(Http2ProtocolOptions::default()),
        ..Default::default()
    };
    set_http_options(&mut cluster, UpstreamProtocolOptions::UseDownstreamProtocolConfig(same));
    cluster
}

/// A cluster's addresses.
pub fn assignment<A: ToString>(cluster: &str, addresses: impl IntoIterator<Item = (A, u16)>) -> ClusterLoadAssignment {
    let host = |(address, port)| {
        let endpoint = Endpoint { address: socket_address(address, port), ..Default::default() };
        LbEndpoint { host_identifier: Some(HostIdentifier::Endpoint(endpoint)), ..Default::default() }
    };
    let lb_endpoints = addresses.into_iter().map(host).collect();
    let endpoints = vec![LocalityLbEndpoints { lb_endpoints, ..Default::default() }];
    ClusterLoadAssignment { cluster_name: cluster.to_owned(), endpoints, ..Default::default() }
}

fn set_protocol(cluster: &mut Cluster, protocol: PortProtocol) {
    if matches!(protocol, PortProtocol::Http2 | PortProtocol::Grpc) {
        let http2 = ProtocolConfig::Http2ProtocolOptions(Http2ProtocolOptions::default());
        let explicit = ExplicitHttpConfig { protocol_config: Some(http2) };
        set_http_options(cluster, UpstreamProtocolOptions::ExplicitHttpConfig(explicit));
    }
}

fn set_http_options(cluster: &mut Cluster, options: UpstreamProtocolOptions) {
    let options = HttpProtocolOptions { upstream_protocol_options: Some(options), ..Default::default() };
    cluster.typed_extension_protocol_options = [(HTTP_OPTIONS.to_owned(), pack_any(options))].into();
}

fn http_limits(pool: &HttpConnectionPool) -> Thresholds {
    let pending = pool.max_pending_requests.map_or(UNLIMITED, |pending| pending.get());
    Thresholds {
        max_connections: limit(pool.max_connections.get()),
        max_pending_requests: limit(pending),
        ..unlimited()
    }
}

fn request_limits(pool: &RequestPool) -> Thresholds {
    Thresholds { max_requests: limit(pool.max_requests.get()), ..unlimited() }
}

fn limit(value: i64) -> Option<envoy_types::pb::google::protobuf::UInt32Value> {
    number(value.min(UNLIMITED))
}

fn unlimited() -> Thresholds {
    Thresholds {
        max_connections: number(UNLIMITED),
        max_pending_requests: number(UNLIMITED),
        max_requests: number(UNLIMITED),
        max_retries: number(UNLIMITED),
        ..Default::default()
    }
}

fn circuit_breakers(thresholds: Thresholds) -> Option<CircuitBreakers> {
    Some(CircuitBreakers { thresholds: vec![thresholds], ..Default::default() })
}

fn health_check(check: &HealthCheckPolicy) -> HealthCheck {
    let interval = duration(check.interval_millis.get().unsigned_abs());
    let path = check.path.clone().unwrap_or_else(|| "/".into()).to_string();
    let http = HttpHealthCheck { path, ..Default::default() };
    let checker = match check.protocol {
        PortProtocol::Http => HealthChecker::HttpHealthCheck(http),
        PortProtocol::Http2 => {
            HealthChecker::HttpHealthCheck(HttpHealthCheck { codec_client_type: CodecClientType::Http2.into(), ..http })
        }
        PortProtocol::Grpc => HealthChecker::GrpcHealthCheck(GrpcHealthCheck::default()),
        PortProtocol::Tcp => HealthChecker::TcpHealthCheck(TcpHealthCheck::default()),
    };
    HealthCheck {
        timeout: duration(check.timeout_millis.get().unsigned_abs()),
        interval,
        // Envoy checks idle clusters once a minute unless told.
        no_traffic_interval: interval,
        healthy_threshold: number(check.healthy_threshold.get()),
        unhealthy_threshold: number(check.unhealthy_threshold.get()),
        health_checker: Some(checker),
        ..Default::default()
    }
}

fn outlier_detection(detection: &OutlierDetection) -> cluster::OutlierDetection {
    let base = detection.base_ejection_duration.millis();
    cluster::OutlierDetection {
        consecutive_5xx: limit(detection.max_server_errors.get()),
        interval: duration(detection.interval.millis()),
        base_ejection_time: duration(base),
        // Envoy refuses a longest ejection (300 s if unset) that is below the base.
        max_ejection_time: duration(base.max(300_000)),
        max_ejection_percent: number(detection.max_ejection_percent.get()),
        // App Mesh counts server errors only; Envoy would also judge by other means.
        enforcing_consecutive_5xx: number(100),
        enforcing_consecutive_gateway_failure: number(0),
        enforcing_success_rate: number(0),
        ..Default::default()
    }
}
