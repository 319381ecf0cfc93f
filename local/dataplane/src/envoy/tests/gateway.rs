use serde_json::{Value, json};

use super::{Resources, filter};

fn target() -> Value {
    json!({"virtualService": {"virtualServiceName": "shop.demo.local"}})
}

/// The virtual hosts of the gateway's listener.
fn hosts(routes: &[(&str, Value)]) -> Vec<Value> {
    let mut resources = Resources::new("http");
    resources.gateway(routes);
    let config = resources.of_gateway();
    config.routes["gateway_8080"]["virtual_hosts"].as_array().unwrap().clone()
}

fn only_route(matching: Value, rewrite: Value) -> Value {
    let mut action = json!({"target": target()});
    if !rewrite.is_null() {
        action["rewrite"] = rewrite;
    }
    let hosts = hosts(&[("r", json!({"httpRoute": {"match": matching, "action": action}}))]);
    hosts[0]["routes"][0].clone()
}

#[test]
fn a_prefix_is_rewritten_to_the_root_and_the_host_to_the_service() {
    let route = only_route(json!({"prefix": "/hello-service"}), Value::Null);
    assert_eq!(route["match"], json!({"path_separated_prefix": "/hello-service"}));
    assert_eq!(
        route["route"],
        json!({
            "cluster": "cds_ingress_demo_ingress_self_redirect_8080",
            "host_rewrite_literal": "shop.demo.local",
            "regex_rewrite": {"pattern": {"regex": r"^/hello\-service/?"}, "substitution": "/"},
            "timeout": "0s"})
    );
    let header = &route["request_headers_to_add"][0];
    assert_eq!(header["header"], json!({"key": "x-appmesh-virtual-service", "value": "shop.demo.local"}));
}

#[test]
fn rewrites_can_be_chosen_or_disabled() {
    let rewritten = |matching: Value, rewrite: Value| only_route(matching, rewrite)["route"]["regex_rewrite"].clone();
    let prefix = json!({"prefix": "/a/"});
    let value = rewritten(prefix.clone(), json!({"prefix": {"value": "/b/"}}));
    assert_eq!(value, json!({"pattern": {"regex": "^/a/?"}, "substitution": "/b/"}));
    let disabled = rewritten(prefix.clone(), json!({"prefix": {"defaultPrefix": "DISABLED"}}));
    assert_eq!(disabled, Value::Null);
    let path = rewritten(json!({"path": {"exact": "/a"}}), json!({"path": {"exact": "/b"}}));
    assert_eq!(path, json!({"pattern": {"regex": "^.*$"}, "substitution": "/b"}));
    assert_eq!(rewritten(json!({"path": {"exact": "/a"}}), Value::Null), Value::Null);

    let hostname = json!({"hostname": {"defaultTargetHostname": "DISABLED"}});
    assert_eq!(only_route(prefix, hostname)["route"].get("host_rewrite_literal"), None);
}

#[test]
fn the_root_prefix_takes_everything_unchanged() {
    let route = only_route(json!({"prefix": "/"}), Value::Null);
    assert_eq!(route["match"], json!({"prefix": "/"}));
    assert_eq!(route["route"]["regex_rewrite"], json!({"pattern": {"regex": "^/?"}, "substitution": "/"}));
}

#[test]
fn routes_of_a_host_come_with_those_of_any_host_and_of_its_suffix() {
    let route = |hostname: Value, priority: u32| {
        let mut matching = json!({"prefix": "/"});
        if !hostname.is_null() {
            matching["hostname"] = hostname;
        }
        json!({"priority": priority, "httpRoute": {"match": matching, "action": {"target": target()}}})
    };
    let hosts = hosts(&[
        ("any", route(Value::Null, 3)),
        ("exact", route(json!({"exact": "www.example.com"}), 1)),
        ("suffix", route(json!({"suffix": "*.example.com"}), 2)),
    ]);
    let names: Vec<(&str, Vec<&str>)> = hosts
        .iter()
        .map(|host| {
            let routes = host["routes"].as_array().unwrap();
            let routes = routes.iter().map(|route| route["name"].as_str().unwrap()).collect();
            (host["domains"][0].as_str().unwrap(), routes)
        })
        .collect();
    assert_eq!(
        names,
        [
            ("*", vec!["any"]),
            ("*.example.com", vec!["suffix", "any"]),
            ("www.example.com", vec!["exact", "suffix", "any"]),
        ]
    );
}

#[test]
fn a_grpc_route_matches_a_service() {
    let spec = json!({"grpcRoute": {"match": {"serviceName": "pkg.Shop"}, "action": {"target": target()}}});
    let route = &hosts(&[("g", spec)])[0]["routes"][0];
    assert_eq!(route["match"], json!({"prefix": "/pkg.Shop/", "grpc": {}}));
}

#[test]
fn a_route_for_another_listener_is_not_there() {
    let spec = json!({"httpRoute": {"match": {"prefix": "/", "port": 9090}, "action": {"target": target()}}});
    assert_eq!(hosts(&[("r", spec)])[0]["routes"], json!([]));
}

#[test]
fn the_egress_table_goes_by_the_service_that_the_route_chose() {
    let mut resources = Resources::new("http");
    let spec = json!({"httpRoute": {"match": {"prefix": "/"}, "action": {"target": target()}}});
    resources.gateway(&[("r", spec)]);
    let config = resources.of_gateway();
    let table = &config.routes["egress"];
    assert_eq!(table["vhost_header"], "x-appmesh-virtual-service");
    assert_eq!(table["request_headers_to_remove"], json!(["x-appmesh-virtual-service"]));
    assert_eq!(table["virtual_hosts"][0]["domains"], json!(["shop.demo.local"]));
    assert_eq!(filter(&config.listeners["gateway_8080"])["stat_prefix"], "ingress");
    let own = &config.clusters["cds_ingress_demo_ingress_self_redirect_8080"]["load_assignment"];
    let host = &own["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"];
    assert_eq!(host["port_value"], 15001);
}
