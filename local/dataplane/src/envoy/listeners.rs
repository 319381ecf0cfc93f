//! Listeners: where an Envoy takes requests, and the HTTP connection managers behind them.

use std::net::Ipv4Addr;

use envoy_types::pb::envoy::config::accesslog::v3::AccessLog;
use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::config::cluster::v3::cluster::{
    ClusterDiscoveryType, CustomClusterType, DnsLookupFamily, LbPolicy,
};
use envoy_types::pb::envoy::config::listener::v3::filter::ConfigType as FilterType;
use envoy_types::pb::envoy::config::listener::v3::{self as config, Filter, FilterChain};
use envoy_types::pb::envoy::config::route::v3::RouteConfiguration;
use envoy_types::pb::envoy::extensions::clusters::dynamic_forward_proxy::v3::ClusterConfig;
use envoy_types::pb::envoy::extensions::clusters::dynamic_forward_proxy::v3::cluster_config::ClusterImplementationSpecifier;
use envoy_types::pb::envoy::extensions::common::dynamic_forward_proxy::v3::DnsCacheConfig;
use envoy_types::pb::envoy::extensions::filters::http::dynamic_forward_proxy::v3::FilterConfig;
use envoy_types::pb::envoy::extensions::filters::http::dynamic_forward_proxy::v3::filter_config::ImplementationSpecifier;
use envoy_types::pb::envoy::extensions::filters::http::router::v3::Router;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::{
    RouteSpecifier, UpgradeConfig,
};
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpConnectionManager, HttpFilter, Rds, http_filter,
};
use envoy_types::pb::envoy::extensions::filters::network::tcp_proxy::v3::tcp_proxy::ClusterSpecifier;
use envoy_types::pb::google::protobuf::Any;
use envoy_types::util::pack_any;
use local_appmesh::snapshot::Mesh;
use local_appmesh::spec::{Listener, ListenerTimeout, Logging, PortProtocol, VirtualNodeSpec};

use super::access_log::access_log;
use super::model::{EGRESS_PORT, INGRESS_PORT, Proxy};
use super::proto::{ads, boolean, duration, socket_address};
use super::resilience::set_timeouts;
use super::routes::{self, EGRESS, catch_all, listener_timeout, to_cluster, virtual_host};
use super::tcp::tcp_proxy;

/// The name of the listener that takes the requests of others.
pub const INGRESS: &str = "ingress";

/// A listener with one filter.
pub fn listener(name: &str, address: Ipv4Addr, port: u16, filter: Filter) -> config::Listener {
    config::Listener {
        name: name.to_owned(),
        address: socket_address(address, port),
        // With it two Envoys could share a port without anyone noticing.
        enable_reuse_port: boolean(false),
        filter_chains: vec![FilterChain { filters: vec![filter], ..Default::default() }],
        ..Default::default()
    }
}

/// A filter of a listener.
pub fn filter(name: &str, config: Any) -> Filter {
    Filter { name: name.to_owned(), config_type: Some(FilterType::TypedConfig(config)) }
}

/// The listener that takes the requests of others for the application behind `proxy`.
pub fn ingress(proxy: &Proxy, node: &VirtualNodeSpec, spec: &Listener, application: &str) -> config::Listener {
    let filter = if spec.port_mapping.protocol == PortProtocol::Tcp {
        let timeout = match &spec.timeout {
            Some(ListenerTimeout::Tcp(timeout)) => Some(timeout),
            _ => None,
        };
        tcp_proxy("ingress", ClusterSpecifier::Cluster(application.to_owned()), timeout)
    } else {
        let mut action = to_cluster(application);
        set_timeouts(&mut action, listener_timeout(node));
        let table = RouteConfiguration {
            name: INGRESS.to_owned(),
            virtual_hosts: vec![virtual_host("ingress", "*", vec![catch_all("", action)])],
            ..Default::default()
        };
        let log = access_log(node.logging.as_ref());
        http_manager("ingress", RouteSpecifier::RouteConfig(table), vec![], log)
    };
    listener(INGRESS, proxy.address, INGRESS_PORT, filter)
}

/// The listener that takes the application's own HTTP requests to others.
pub fn egress(mesh: &Mesh, proxy: &Proxy, logging: Option<&Logging>) -> config::Listener {
    let filters = match routes::allows_all(mesh) {
        true => vec![forward_filter()],
        false => vec![],
    };
    let filter = http_manager("egress", route_source(EGRESS), filters, access_log(logging));
    listener(EGRESS, proxy.address, EGRESS_PORT, filter)
}

/// A gateway's own egress listener. It only takes what the same Envoy's other listeners send it.
pub fn egress_of_gateway(proxy: &Proxy) -> config::Listener {
    let filter = http_manager("egress", route_source(EGRESS), vec![], None);
    listener(EGRESS, proxy.address, EGRESS_PORT, filter)
}

/// A gateway's listener, whose routes are the table `name`.
pub fn gateway(proxy: &Proxy, name: &str, port: u16, logging: Option<&Logging>) -> config::Listener {
    let filter = http_manager("ingress", route_source(name), vec![], access_log(logging));
    listener(name, proxy.address, proxy.ports.bound(port), filter)
}

/// The cluster that calls whatever host a request names.
pub fn forward_cluster(name: &str) -> Cluster {
    let config = ClusterConfig {
        cluster_implementation_specifier: Some(ClusterImplementationSpecifier::DnsCacheConfig(dns_cache())),
        ..Default::default()
    };
    let kind = CustomClusterType {
        name: "envoy.clusters.dynamic_forward_proxy".to_owned(),
        typed_config: Some(pack_any(config)),
    };
    Cluster {
        name: name.to_owned(),
        lb_policy: LbPolicy::ClusterProvided.into(),
        connect_timeout: duration(1000),
        cluster_discovery_type: Some(ClusterDiscoveryType::ClusterType(kind)),
        ..Default::default()
    }
}

fn forward_filter() -> HttpFilter {
    let config = FilterConfig {
        implementation_specifier: Some(ImplementationSpecifier::DnsCacheConfig(dns_cache())),
        ..Default::default()
    };
    http_filter("envoy.filters.http.dynamic_forward_proxy", pack_any(config))
}

fn dns_cache() -> DnsCacheConfig {
    DnsCacheConfig {
        name: "allow_all".to_owned(),
        dns_lookup_family: DnsLookupFamily::V4Preferred.into(),
        ..Default::default()
    }
}

/// The route table of a listener, which has the listener's name.
fn route_source(table: &str) -> RouteSpecifier {
    RouteSpecifier::Rds(Rds { config_source: ads(), route_config_name: table.to_owned() })
}

fn http_manager(
    stat_prefix: &str,
    routes: RouteSpecifier,
    mut http_filters: Vec<HttpFilter>,
    access_log: Option<AccessLog>,
) -> Filter {
    http_filters.push(http_filter("envoy.filters.http.router", pack_any(Router::default())));
    let websocket = UpgradeConfig { upgrade_type: "websocket".to_owned(), ..Default::default() };
    let manager = HttpConnectionManager {
        stat_prefix: stat_prefix.to_owned(),
        http_filters,
        upgrade_configs: vec![websocket],
        access_log: access_log.into_iter().collect(),
        route_specifier: Some(routes),
        ..Default::default()
    };
    filter("envoy.filters.network.http_connection_manager", pack_any(manager))
}

fn http_filter(name: &str, config: Any) -> HttpFilter {
    let config_type = Some(http_filter::ConfigType::TypedConfig(config));
    HttpFilter { name: name.to_owned(), config_type, ..Default::default() }
}
