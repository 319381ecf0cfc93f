use envoy_types::pb::envoy::config::accesslog::v3::access_log::ConfigType;
use envoy_types::pb::envoy::config::core::v3::data_source::Specifier;
use envoy_types::pb::envoy::config::core::v3::substitution_format_string::Format;
use envoy_types::pb::envoy::config::listener::v3::Listener;
use envoy_types::pb::envoy::extensions::access_loggers::stream::v3::StdoutAccessLog;
use envoy_types::pb::envoy::extensions::access_loggers::stream::v3::stdout_access_log::AccessLogFormat;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::RouteSpecifier;
use envoy_types::pb::envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;
use envoy_types::pb::envoy::extensions::filters::network::tcp_proxy::v3::tcp_proxy::{
    ClusterSpecifier, WeightedCluster, weighted_cluster::ClusterWeight,
};
use serde_json::{Value, json};

use super::{Resources, address, filter, forward, host, manager, split, unpacked};
use crate::envoy::proto::duration;
use crate::envoy::routes::to_cluster;

#[test]
fn a_sidecar_takes_requests_at_15000_for_its_application() {
    let config = Resources::new("http").of_node("shop-1");
    let ingress = &config.listeners["ingress"];
    assert_eq!(address(ingress.address.as_ref()), "127.0.40.9:15000");
    let http = manager(ingress);
    assert_eq!(http.stat_prefix, "ingress");
    let Some(RouteSpecifier::RouteConfig(table)) = http.route_specifier else {
        unreachable!();
    };
    let mut expected = to_cluster("cds_ingress_demo_shop-1_http_8080");
    expected.timeout = duration(15_000);
    assert_eq!(forward(&table.virtual_hosts[0].routes[0]), &expected);
    assert_eq!(host(&config.clusters["cds_ingress_demo_shop-1_http_8080"]), "127.0.40.9:8080");

    let egress = &config.listeners["egress"];
    assert_eq!(address(egress.address.as_ref()), "127.0.40.9:15001");
    let http = manager(egress);
    assert_eq!(http.stat_prefix, "egress");
    let Some(RouteSpecifier::Rds(rds)) = http.route_specifier else {
        unreachable!();
    };
    assert_eq!(rds.route_config_name, "egress");
}

#[test]
fn a_tcp_node_is_proxied_as_a_stream() {
    let mut resources = Resources::new("tcp");
    let timeout = json!({"tcp": {"idle": {"unit": "s", "value": 90}}});
    let listener = json!({"portMapping": {"port": 5432, "protocol": "tcp"}, "timeout": timeout});
    resources.node("shop-1", json!({"listeners": [listener]}));
    let config = resources.of_node("shop-1");
    let proxy: TcpProxy = filter(&config.listeners["ingress"]);
    assert_eq!(proxy.stat_prefix, "ingress");
    let application = "cds_ingress_demo_shop-1_tcp_5432".to_owned();
    assert_eq!(proxy.cluster_specifier, Some(ClusterSpecifier::Cluster(application)));
    assert_eq!(proxy.idle_timeout, duration(90_000));
}

#[test]
fn a_tcp_service_has_a_listener_that_leaves_out_weight_zero() {
    let mut resources = Resources::new("tcp");
    resources.route("b", json!({"priority": 5, "tcpRoute": {"action": split(50, 50)}}));
    resources.route("c", json!({"priority": 1, "tcpRoute": {"action": split(100, 0)}}));
    let config = resources.of_node("web");
    let listener = &config.listeners["egress_tcp_shop.demo.local"];
    assert_eq!(address(listener.address.as_ref()), "127.0.40.9:8080");
    let only = ClusterWeight { name: "cds_egress_demo_shop-1".into(), weight: 100, ..Default::default() };
    let expected = ClusterSpecifier::WeightedClusters(WeightedCluster { clusters: vec![only] });
    assert_eq!(filter::<TcpProxy>(listener).cluster_specifier, Some(expected));
    assert_eq!(config.routes["egress"].virtual_hosts, []);
    // Both are known all the same, so that a new weight finds its cluster ready.
    assert!(config.clusters.contains_key("cds_egress_demo_shop-2"));
}

#[test]
fn a_tcp_service_that_leads_nowhere_has_no_listener() {
    let mut resources = Resources::new("tcp");
    let name = "egress_tcp_shop.demo.local";
    assert!(!resources.of_node("web").listeners.contains_key(name));
    resources.route("r", json!({"tcpRoute": {"action": split(0, 0)}}));
    assert!(!resources.of_node("web").listeners.contains_key(name));
}

#[test]
fn a_tcp_port_that_the_task_has_itself_is_replaced_by_a_spare_one() {
    let mut resources = Resources::new("tcp");
    resources.route("r", json!({"tcpRoute": {"action": split(1, 1)}}));
    let router = resources.mesh.virtual_routers.get_mut("shop-vr").unwrap();
    let listener = json!({"portMapping": {"port": 80, "protocol": "tcp"}});
    router.spec = serde_json::from_value(json!({"listeners": [listener]})).unwrap();
    let config = resources.of_node("web");
    let listener = &config.listeners["egress_tcp_shop.demo.local"];
    assert_eq!(address(listener.address.as_ref()), "127.0.40.9:15100");
}

/// The format of a listener's access log.
fn log_format(listener: &Listener) -> Format {
    let log = manager(listener).access_log.remove(0);
    let Some(ConfigType::TypedConfig(config)) = log.config_type else {
        unreachable!();
    };
    let Some(AccessLogFormat::LogFormat(format)) = unpacked::<StdoutAccessLog>(&config).access_log_format else {
        unreachable!();
    };
    format.format.unwrap()
}

fn logging_to_stdout(format: Value) -> Resources {
    let mut resources = Resources::new("http");
    let logging = json!({"accessLog": {"file": {"path": "/dev/stdout", "format": format}}});
    let listener = json!({"portMapping": {"port": 8080, "protocol": "http"}});
    resources.node("shop-1", json!({"listeners": [listener], "logging": logging}));
    resources
}

#[test]
fn an_access_log_goes_to_the_containers_log() {
    let config = logging_to_stdout(json!({"text": "%RESPONSE_CODE%"})).of_node("shop-1");
    let Format::TextFormatSource(source) = log_format(&config.listeners["ingress"]) else {
        unreachable!();
    };
    assert_eq!(source.specifier, Some(Specifier::InlineString("%RESPONSE_CODE%\n".into())));
    assert_eq!(manager(&config.listeners["egress"]).access_log, manager(&config.listeners["ingress"]).access_log);
}

#[test]
fn a_json_access_log_has_every_member_and_is_the_same_each_time() {
    let pairs: Vec<Value> = (0..20).map(|n| json!({"key": format!("k{n}"), "value": format!("v{n}")})).collect();
    let resources = logging_to_stdout(json!({"json": pairs}));
    let config = resources.of_node("shop-1");
    let Format::JsonFormat(members) = log_format(&config.listeners["ingress"]) else {
        unreachable!();
    };
    assert_eq!(members.fields.len(), 20);
    // A listener that differed each time would be replaced at every change of the mesh.
    assert_eq!(resources.of_node("shop-1"), config);
}

#[test]
fn a_resource_that_does_not_exist_gets_nothing() {
    let config = Resources::new("http").of_node("shop-9");
    assert_eq!(config, crate::envoy::model::ProxyConfig::default());
}
