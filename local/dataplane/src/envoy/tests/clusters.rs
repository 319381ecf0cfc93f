use std::net::{Ipv4Addr, SocketAddrV4};

use envoy_types::pb::envoy::config::cluster::v3::circuit_breakers::Thresholds;
use envoy_types::pb::envoy::config::cluster::v3::cluster::DiscoveryType;
use envoy_types::pb::envoy::config::core::v3::HealthCheck;
use envoy_types::pb::envoy::config::core::v3::health_check::{HealthChecker, HttpHealthCheck};
use serde_json::{Value, json};

use super::{Resources, has_type, host, split};
use crate::envoy::proto::{ads, duration, number};

const SHOP: &str = "cds_egress_demo_shop-1";

fn with_instances(protocol: &str, last: &[u8]) -> Resources {
    let mut resources = Resources::new(protocol);
    let instances: Vec<Value> = last
        .iter()
        .map(|last| json!({"id": last.to_string(), "attributes": {"AWS_INSTANCE_IPV4": format!("127.0.40.{last}")}}))
        .collect();
    let services = json!([{"name": "shop-1", "instances": instances}]);
    resources.discovery = json!({"namespaces": [{"name": "demo.local", "services": services}]});
    resources.route("r", json!({"httpRoute": {"match": {"prefix": "/"}, "action": split(1, 1)}}));
    resources
}

fn listener(extra: Value) -> Value {
    let mut listener = json!({"portMapping": {"port": 8080, "protocol": "http"}});
    for (name, value) in extra.as_object().unwrap() {
        listener[name] = value.clone();
    }
    let discovery = json!({"awsCloudMap": {"namespaceName": "demo.local", "serviceName": "shop-1"}});
    json!({"listeners": [listener], "serviceDiscovery": discovery})
}

#[test]
fn callers_reach_live_sidecars_and_tasks_without_one_directly() {
    let mut resources = with_instances("http", &[1, 2, 3]);
    let address = |last| Ipv4Addr::new(127, 0, 40, last);
    resources.sidecars = [(address(1), true), (address(2), false)].into();
    let config = resources.of_node("web");
    let expected = [SocketAddrV4::new(address(1), 15000), SocketAddrV4::new(address(3), 8080)];
    assert_eq!(config.endpoints[SHOP], expected.into());
    assert_eq!(config.endpoints["cds_egress_demo_shop-2"], [].into());
    let cluster = &config.clusters[SHOP];
    assert!(has_type(cluster, DiscoveryType::Eds));
    let eds = cluster.eds_cluster_config.as_ref().unwrap();
    assert_eq!((&eds.eds_config, eds.service_name.as_str()), (&ads(), SHOP));
    assert!(cluster.ignore_health_on_host_removal);
}

#[test]
fn only_http2_and_grpc_nodes_are_called_with_http2() {
    for (protocol, http2) in [("http", false), ("http2", true), ("grpc", true), ("tcp", false)] {
        let mut resources = with_instances(protocol, &[1]);
        resources.route("t", json!({"tcpRoute": {"action": split(1, 1)}}));
        let called = resources.of_node("web").clusters[SHOP].clone();
        assert_eq!(!called.typed_extension_protocol_options.is_empty(), http2, "{protocol}: {called:?}");
        let own = resources.of_node("shop-1");
        let own = &own.clusters[&format!("cds_ingress_demo_shop-1_{protocol}_8080")];
        assert_eq!(!own.typed_extension_protocol_options.is_empty(), http2, "{protocol}: {own:?}");
    }
}

#[test]
fn a_name_outside_cloud_map_is_resolved_by_dns() {
    let mut resources = with_instances("http", &[]);
    let listeners = json!([{"portMapping": {"port": 5432, "protocol": "http"}}]);
    let dns = json!({"dns": {"hostname": "db.example.com"}});
    resources.node("shop-1", json!({"listeners": listeners, "serviceDiscovery": dns}));
    let config = resources.of_node("web");
    assert!(has_type(&config.clusters[SHOP], DiscoveryType::StrictDns));
    assert_eq!(host(&config.clusters[SHOP]), "db.example.com:5432");
    assert!(!config.endpoints.contains_key(SHOP));
}

#[test]
fn health_checks_and_outlier_detection_are_the_callers() {
    let mut resources = with_instances("http", &[1]);
    let check = json!({"protocol": "http", "path": "/ping", "healthyThreshold": 2, "unhealthyThreshold": 3,
        "intervalMillis": 5000, "timeoutMillis": 2000});
    let detection = json!({"maxServerErrors": 5, "maxEjectionPercent": 50,
        "interval": {"unit": "s", "value": 10}, "baseEjectionDuration": {"unit": "s", "value": 400}});
    resources.node("shop-1", listener(json!({"healthCheck": check, "outlierDetection": detection})));
    let cluster = &resources.of_node("web").clusters[SHOP];
    let ping = HttpHealthCheck { path: "/ping".into(), ..Default::default() };
    let expected = HealthCheck {
        timeout: duration(2000),
        interval: duration(5000),
        no_traffic_interval: duration(5000),
        healthy_threshold: number(2),
        unhealthy_threshold: number(3),
        health_checker: Some(HealthChecker::HttpHealthCheck(ping)),
        ..Default::default()
    };
    assert_eq!(cluster.health_checks, [expected]);
    let detection = cluster.outlier_detection.as_ref().unwrap();
    assert_eq!(detection.consecutive_5xx, number(5));
    assert_eq!(detection.max_ejection_percent, number(50));
    // A base above Envoy's longest ejection would be rejected.
    assert_eq!(detection.max_ejection_time, duration(400_000));
    let own = resources.of_node("shop-1");
    assert_eq!(own.clusters["cds_ingress_demo_shop-1_http_8080"].health_checks, []);
}

#[test]
fn a_connection_pool_limits_the_application_and_nothing_else_is_limited() {
    let mut resources = with_instances("http", &[1]);
    let pool = json!({"http": {"maxConnections": 7, "maxPendingRequests": 3}});
    resources.node("shop-1", listener(json!({"connectionPool": pool})));
    let own = resources.of_node("shop-1");
    let own = own.clusters["cds_ingress_demo_shop-1_http_8080"].circuit_breakers.as_ref().unwrap();
    let unlimited = number(i32::MAX.into());
    let expected = Thresholds {
        max_connections: number(7),
        max_pending_requests: number(3),
        max_requests: unlimited,
        max_retries: unlimited,
        ..Default::default()
    };
    assert_eq!(own.thresholds, [expected]);
    let called = resources.of_node("web").clusters[SHOP].clone();
    assert_eq!(called.circuit_breakers.unwrap().thresholds[0].max_retries, unlimited);
}
