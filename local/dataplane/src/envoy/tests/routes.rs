use serde_json::{Value, json};

use super::{Resources, split};

/// The Envoy routes of `shop.demo.local` in the egress table of `web`.
fn routes(resources: &Resources) -> Vec<Value> {
    let config = resources.of_node("web");
    let hosts = config.routes["egress"]["virtual_hosts"].as_array().unwrap().clone();
    let host = hosts.into_iter().find(|host| host["name"] == "shop.demo.local").unwrap();
    host["routes"].as_array().unwrap().clone()
}

fn only_route(kind: &str, route: Value) -> Value {
    let mut resources = Resources::new("http");
    resources.route("r", json!({kind: route}));
    let [route] = <[Value; 1]>::try_from(routes(&resources)).unwrap();
    route
}

#[test]
fn an_http_split_keeps_weight_zero_and_has_the_defaults_of_app_mesh() {
    let route = only_route("httpRoute", json!({"match": {"prefix": "/"}, "action": split(100, 0)}));
    assert_eq!(
        route,
        json!({
            "name": "r",
            "match": {"prefix": "/"},
            "route": {
                "weighted_clusters": {"clusters": [
                    {"name": "cds_egress_demo_shop-1", "weight": 100},
                    {"name": "cds_egress_demo_shop-2", "weight": 0}]},
                "timeout": "15.000s",
                "retry_policy": {
                    "retry_on": "connect-failure,refused-stream,retriable-status-codes",
                    "retriable_status_codes": [503], "num_retries": 2},
            },
        })
    );
}

#[test]
fn a_target_s_port_is_honoured() {
    let mut resources = Resources::new("http");
    let action = json!({"weightedTargets": [
        {"virtualNode": "shop-1", "weight": 50, "port": 8080}, {"virtualNode": "shop-2", "weight": 50, "port": 8081}]});
    resources.route("r", json!({"httpRoute": {"match": {"prefix": "/"}, "action": action}}));
    let config = resources.of_node("web");
    let clusters = &config.routes["egress"]["virtual_hosts"][0]["routes"][0]["route"]["weighted_clusters"]["clusters"];
    let dead = "cds_egress_demo_shop-2_port_8081";
    assert_eq!(*clusters, json!([{"name": "cds_egress_demo_shop-1", "weight": 50}, {"name": dead, "weight": 50}]));
    // The node listens at 8080 only, so nobody answers there.
    assert_eq!(config.endpoints[dead], [].into());
    assert!(config.clusters.contains_key(dead) && !config.clusters.contains_key("cds_egress_demo_shop-2"));
}

#[test]
fn a_split_of_nothing_answers_503_instead_of_being_rejected() {
    let route = only_route("httpRoute", json!({"match": {"prefix": "/"}, "action": split(0, 0)}));
    assert_eq!(route["direct_response"]["status"], 503);
    assert_eq!(route.get("route"), None);
}

#[test]
fn every_condition_of_an_http_match_is_kept() {
    let matching = json!({
        "path": {"regex": "/items/[0-9]+"}, "method": "POST", "scheme": "http",
        "headers": [
            {"name": "x-exact", "match": {"exact": "a"}},
            {"name": "x-not", "invert": true, "match": {"prefix": "b"}},
            {"name": "x-suffix", "match": {"suffix": "c"}},
            {"name": "x-regex", "match": {"regex": "d.*"}},
            {"name": "x-range", "match": {"range": {"start": 1, "end": 5}}},
            {"name": "x-there"}],
        "queryParameters": [{"name": "q", "match": {"exact": "1"}}, {"name": "any"}]});
    let route = only_route("http2Route", json!({"match": matching, "action": split(1, 1)}));
    assert_eq!(
        route["match"],
        json!({
            "safe_regex": {"regex": "/items/[0-9]+"},
            "headers": [
                {"name": "x-exact", "string_match": {"exact": "a"}},
                {"name": "x-not", "string_match": {"prefix": "b"}, "invert_match": true},
                {"name": "x-suffix", "string_match": {"suffix": "c"}},
                {"name": "x-regex", "string_match": {"safe_regex": {"regex": "d.*"}}},
                {"name": "x-range", "range_match": {"start": 1, "end": 5}},
                {"name": "x-there", "present_match": true},
                {"name": ":method", "string_match": {"exact": "POST"}},
                {"name": ":scheme", "string_match": {"exact": "http"}}],
            "query_parameters": [
                {"name": "q", "string_match": {"exact": "1"}}, {"name": "any", "present_match": true}],
        })
    );
}

#[test]
fn a_grpc_route_matches_service_method_and_metadata() {
    let matching = json!({"serviceName": "pkg.Shop", "methodName": "Buy",
        "metadata": [{"name": "tenant", "match": {"exact": "a"}}]});
    let retry = json!({"grpcRetryEvents": ["unavailable", "deadline-exceeded"], "maxRetries": 3,
        "perRetryTimeout": {"unit": "ms", "value": 250}});
    let route = only_route("grpcRoute", json!({"match": matching, "action": split(1, 1), "retryPolicy": retry}));
    assert_eq!(
        route["match"],
        json!({"path": "/pkg.Shop/Buy", "grpc": {},
            "headers": [{"name": "tenant", "string_match": {"exact": "a"}}]})
    );
    assert_eq!(
        route["route"]["retry_policy"],
        json!({"retry_on": "unavailable,deadline-exceeded", "num_retries": 3, "per_try_timeout": "0.250s"})
    );
    let all = only_route("grpcRoute", json!({"match": {"serviceName": "pkg.Shop"}, "action": split(1, 1)}));
    assert_eq!(all["match"], json!({"prefix": "/pkg.Shop/", "grpc": {}}));
}

#[test]
fn retry_events_are_those_that_app_mesh_documents() {
    let retry = json!({"httpRetryEvents": ["server-error", "gateway-error", "client-error", "stream-error"],
        "tcpRetryEvents": ["connection-error"], "maxRetries": 0, "perRetryTimeout": {"unit": "s", "value": 0}});
    let route = json!({"match": {"prefix": "/"}, "action": split(1, 1), "retryPolicy": retry});
    assert_eq!(
        only_route("httpRoute", route)["route"]["retry_policy"],
        json!({
            "retry_on": "retriable-status-codes,reset,gateway-error,retriable-4xx,refused-stream,connect-failure",
            "retriable_status_codes": [500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511],
            "num_retries": 0})
    );
}

#[test]
fn a_timeout_of_zero_means_none_and_idle_is_kept() {
    let timeout = json!({"perRequest": {"unit": "s", "value": 0}, "idle": {"unit": "ms", "value": 1500}});
    let route = json!({"match": {"prefix": "/"}, "action": split(1, 1), "timeout": timeout});
    let action = &only_route("httpRoute", route)["route"];
    assert_eq!((&action["timeout"], &action["idle_timeout"]), (&json!("0.000s"), &json!("1.500s")));
}

#[test]
fn routes_are_tried_by_priority_and_then_the_more_specific_first() {
    let mut resources = Resources::new("http");
    let mut add = |name: &str, priority: Option<u32>, matching: Value| {
        let mut spec = json!({"httpRoute": {"match": matching, "action": split(1, 1)}});
        if let Some(priority) = priority {
            spec["priority"] = priority.into();
        }
        resources.route(name, spec);
    };
    let header = json!([{"name": "x"}]);
    add("a-all", None, json!({"prefix": "/"}));
    add("b-all-first", Some(0), json!({"prefix": "/"}));
    add("c-long", None, json!({"prefix": "/items/new"}));
    add("d-short-with-header", None, json!({"prefix": "/items", "headers": header}));
    add("e-short", None, json!({"prefix": "/items"}));
    add("f-exact", None, json!({"path": {"exact": "/x"}}));
    add("g-regex", None, json!({"path": {"regex": "/x.*"}}));
    add("h-last-priority", Some(1000), json!({"prefix": "/"}));
    let routes = routes(&resources);
    let order: Vec<&str> = routes.iter().map(|route| route["name"].as_str().unwrap()).collect();
    assert_eq!(
        order,
        ["b-all-first", "h-last-priority", "f-exact", "g-regex", "c-long", "d-short-with-header", "e-short", "a-all"]
    );
}

#[test]
fn a_service_that_a_node_provides_has_that_nodes_timeouts() {
    let mut resources = Resources::new("http");
    let timeout = json!({"http": {"perRequest": {"unit": "s", "value": 40}}});
    let listener = json!({"portMapping": {"port": 8080, "protocol": "http"}, "timeout": timeout});
    resources.node("shop-1", json!({"listeners": [listener]}));
    resources.service("shop.demo.local", json!({"virtualNode": {"virtualNodeName": "shop-1"}}));
    let [route] = <[Value; 1]>::try_from(routes(&resources)).unwrap();
    assert_eq!(route["route"]["cluster"], "cds_egress_demo_shop-1");
    assert_eq!(route["route"]["timeout"], "40.000s");
    assert_eq!(route["route"]["retry_policy"]["num_retries"], 2);
}

#[test]
fn a_node_knows_its_backends_only_and_unknown_names_as_the_mesh_says() {
    let mut resources = Resources::new("http");
    resources.service("bank.demo.local", json!({"virtualNode": {"virtualNodeName": "shop-2"}}));
    let hosts = |resources: &Resources, node: &str| -> Vec<Value> {
        let config = resources.of_node(node);
        let hosts = config.routes["egress"]["virtual_hosts"].as_array().unwrap().clone();
        hosts.into_iter().map(|host| host["domains"].clone()).collect()
    };
    assert_eq!(hosts(&resources, "web"), [json!(["shop.demo.local"])]);
    assert_eq!(hosts(&resources, "shop-1"), Vec::<Value>::new());
    let table = &resources.of_node("web").routes["egress"];
    assert_eq!(table["ignore_port_in_host_matching"], true);

    resources.mesh.spec = serde_json::from_value(json!({"egressFilter": {"type": "ALLOW_ALL"}})).unwrap();
    assert_eq!(hosts(&resources, "web"), [json!(["shop.demo.local"]), json!(["*"])]);
    assert!(resources.of_node("web").clusters.contains_key("cds_egress_demo_allow_all"));
}
