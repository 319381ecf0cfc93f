use serde_json::json;

use super::{Resources, filter, split};

#[test]
fn a_sidecar_takes_requests_at_15000_for_its_application() {
    let config = Resources::new("http").of_node("shop-1");
    let ingress = &config.listeners["ingress"];
    let address = &ingress["address"]["socket_address"];
    assert_eq!(address, &json!({"address": "127.0.40.9", "port_value": 15000}));
    let manager = filter(ingress);
    assert_eq!(manager["stat_prefix"], "ingress");
    let action = &manager["route_config"]["virtual_hosts"][0]["routes"][0]["route"];
    assert_eq!(action, &json!({"cluster": "cds_ingress_demo_shop-1_http_8080", "timeout": "15.000s"}));
    let application = &config.clusters["cds_ingress_demo_shop-1_http_8080"]["load_assignment"];
    let host = &application["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"];
    assert_eq!(host["socket_address"], json!({"address": "127.0.40.9", "port_value": 8080}));

    let egress = &config.listeners["egress"];
    assert_eq!(egress["address"]["socket_address"]["port_value"], 15001);
    assert_eq!(filter(egress)["stat_prefix"], "egress");
    assert_eq!(filter(egress)["rds"]["route_config_name"], "egress");
}

#[test]
fn a_tcp_node_is_proxied_as_a_stream() {
    let mut resources = Resources::new("tcp");
    let timeout = json!({"tcp": {"idle": {"unit": "s", "value": 90}}});
    let listener = json!({"portMapping": {"port": 5432, "protocol": "tcp"}, "timeout": timeout});
    resources.node("shop-1", json!({"listeners": [listener]}));
    let config = resources.of_node("shop-1");
    let proxy = filter(&config.listeners["ingress"]);
    assert_eq!(proxy["stat_prefix"], "ingress");
    assert_eq!(proxy["cluster"], "cds_ingress_demo_shop-1_tcp_5432");
    assert_eq!(proxy["idle_timeout"], "90.000s");
}

#[test]
fn a_tcp_service_has_a_listener_that_leaves_out_weight_zero() {
    let mut resources = Resources::new("tcp");
    resources.route("b", json!({"priority": 5, "tcpRoute": {"action": split(50, 50)}}));
    resources.route("c", json!({"priority": 1, "tcpRoute": {"action": split(100, 0)}}));
    let config = resources.of_node("web");
    let listener = &config.listeners["egress_tcp_shop.demo.local"];
    assert_eq!(listener["address"]["socket_address"]["port_value"], 8080);
    assert_eq!(
        filter(listener)["weighted_clusters"],
        json!({"clusters": [{"name": "cds_egress_demo_shop-1", "weight": 100}]})
    );
    assert_eq!(config.routes["egress"]["virtual_hosts"], json!([]));
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
    assert_eq!(listener["address"]["socket_address"]["port_value"], 15100);
}

#[test]
fn an_access_log_goes_to_the_containers_log() {
    let mut resources = Resources::new("http");
    let format = json!({"text": "%RESPONSE_CODE%"});
    let logging = json!({"accessLog": {"file": {"path": "/dev/stdout", "format": format}}});
    let listener = json!({"portMapping": {"port": 8080, "protocol": "http"}});
    resources.node("shop-1", json!({"listeners": [listener], "logging": logging}));
    let config = resources.of_node("shop-1");
    let log = &filter(&config.listeners["ingress"])["access_log"][0]["typed_config"];
    assert_eq!(log["log_format"]["text_format_source"]["inline_string"], "%RESPONSE_CODE%\n");
    assert_eq!(filter(&config.listeners["egress"])["access_log"][0]["typed_config"], *log);
}

#[test]
fn a_resource_that_does_not_exist_gets_nothing() {
    let config = Resources::new("http").of_node("shop-9");
    assert_eq!(config, crate::envoy::model::ProxyConfig::default());
}
