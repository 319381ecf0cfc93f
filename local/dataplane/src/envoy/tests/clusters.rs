use std::net::{Ipv4Addr, SocketAddrV4};

use serde_json::{Value, json};

use super::{Resources, split};

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
    assert_eq!(cluster["type"], "EDS");
    let file = &cluster["eds_cluster_config"]["eds_config"]["path_config_source"]["path"];
    assert_eq!(file, "/state/envoy/task/eds/cds_egress_demo_shop-1.json");
    assert_eq!(cluster["ignore_health_on_host_removal"], true);
}

#[test]
fn only_http2_and_grpc_nodes_are_called_with_http2() {
    let options = "typed_extension_protocol_options";
    for (protocol, http2) in [("http", false), ("http2", true), ("grpc", true), ("tcp", false)] {
        let mut resources = with_instances(protocol, &[1]);
        resources.route("t", json!({"tcpRoute": {"action": split(1, 1)}}));
        let called = resources.of_node("web").clusters[SHOP].clone();
        assert_eq!(called.get(options).is_some(), http2, "{protocol}: {called}");
        let own = resources.of_node("shop-1");
        let own = &own.clusters[&format!("cds_ingress_demo_shop-1_{protocol}_8080")];
        assert_eq!(own.get(options).is_some(), http2, "{protocol}: {own}");
    }
}

#[test]
fn a_name_outside_cloud_map_is_resolved_by_dns() {
    let mut resources = with_instances("http", &[]);
    let listeners = json!([{"portMapping": {"port": 5432, "protocol": "http"}}]);
    let dns = json!({"dns": {"hostname": "db.example.com"}});
    resources.node("shop-1", json!({"listeners": listeners, "serviceDiscovery": dns}));
    let config = resources.of_node("web");
    assert_eq!(config.clusters[SHOP]["type"], "STRICT_DNS");
    let host = &config.clusters[SHOP]["load_assignment"]["endpoints"][0]["lb_endpoints"][0];
    let address = &host["endpoint"]["address"]["socket_address"];
    assert_eq!(address, &json!({"address": "db.example.com", "port_value": 5432}));
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
    assert_eq!(
        cluster["health_checks"],
        json!([{"timeout": "2.000s", "interval": "5.000s", "no_traffic_interval": "5.000s",
            "healthy_threshold": 2, "unhealthy_threshold": 3, "http_health_check": {"path": "/ping"}}])
    );
    let detection = &cluster["outlier_detection"];
    assert_eq!(detection["consecutive_5xx"], 5);
    assert_eq!(detection["max_ejection_percent"], 50);
    // A base above Envoy's longest ejection would be rejected.
    assert_eq!(detection["max_ejection_time"], "400.000s");
    let own = resources.of_node("shop-1");
    assert_eq!(own.clusters["cds_ingress_demo_shop-1_http_8080"].get("health_checks"), None);
}

#[test]
fn a_connection_pool_limits_the_application_and_nothing_else_is_limited() {
    let mut resources = with_instances("http", &[1]);
    let pool = json!({"http": {"maxConnections": 7, "maxPendingRequests": 3}});
    resources.node("shop-1", listener(json!({"connectionPool": pool})));
    let own = resources.of_node("shop-1");
    let own = &own.clusters["cds_ingress_demo_shop-1_http_8080"]["circuit_breakers"]["thresholds"][0];
    let unlimited = i32::MAX;
    assert_eq!(
        own,
        &json!({"max_connections": 7, "max_pending_requests": 3, "max_requests": unlimited, "max_retries": unlimited})
    );
    let called = resources.of_node("web").clusters[SHOP].clone();
    assert_eq!(called["circuit_breakers"]["thresholds"][0]["max_retries"], unlimited);
}
