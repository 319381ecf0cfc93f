use envoy_types::pb::envoy::config::route::v3::header_matcher::HeaderMatchSpecifier;
use envoy_types::pb::envoy::config::route::v3::query_parameter_matcher::QueryParameterMatchSpecifier;
use envoy_types::pb::envoy::config::route::v3::route::Action;
use envoy_types::pb::envoy::config::route::v3::route_action::ClusterSpecifier;
use envoy_types::pb::envoy::config::route::v3::route_match::{GrpcRouteMatchOptions, PathSpecifier};
use envoy_types::pb::envoy::config::route::v3::weighted_cluster::ClusterWeight;
use envoy_types::pb::envoy::config::route::v3::{
    HeaderMatcher, QueryParameterMatcher, RetryPolicy, Route, RouteAction, RouteMatch, WeightedCluster,
};
use envoy_types::pb::envoy::r#type::matcher::v3::StringMatcher;
use envoy_types::pb::envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use envoy_types::pb::envoy::r#type::v3::Int64Range;
use serde_json::{Value, json};

use super::{Resources, forward, split};
use crate::envoy::proto::{duration, number, regex};

/// The Envoy routes of `shop.demo.local` in the egress table of `web`.
fn routes(resources: &Resources) -> Vec<Route> {
    let config = resources.of_node("web");
    let hosts = &config.routes["egress"].virtual_hosts;
    hosts.iter().find(|host| host.name == "shop.demo.local").unwrap().routes.clone()
}

fn weighted<const N: usize>(clusters: [(&str, i64); N]) -> Option<ClusterSpecifier> {
    let clusters = clusters.map(|(name, weight)| ClusterWeight {
        name: name.into(),
        weight: number(weight),
        ..Default::default()
    });
    Some(ClusterSpecifier::WeightedClusters(WeightedCluster { clusters: clusters.into(), ..Default::default() }))
}

fn text(pattern: MatchPattern) -> StringMatcher {
    StringMatcher { match_pattern: Some(pattern), ..Default::default() }
}

fn header(name: &str, pattern: MatchPattern) -> HeaderMatcher {
    let matched = Some(HeaderMatchSpecifier::StringMatch(text(pattern)));
    HeaderMatcher { name: name.into(), header_match_specifier: matched, ..Default::default() }
}

fn only_route(kind: &str, route: Value) -> Route {
    let mut resources = Resources::new("http");
    resources.route("r", json!({kind: route}));
    let [route] = <[Route; 1]>::try_from(routes(&resources)).unwrap();
    route
}

#[test]
fn an_http_split_keeps_weight_zero_and_has_the_defaults_of_app_mesh() {
    let route = only_route("httpRoute", json!({"match": {"prefix": "/"}, "action": split(100, 0)}));
    let retry = RetryPolicy {
        retry_on: "connect-failure,refused-stream,retriable-status-codes".into(),
        retriable_status_codes: vec![503],
        num_retries: number(2),
        ..Default::default()
    };
    let action = RouteAction {
        cluster_specifier: weighted([("cds_egress_demo_shop-1", 100), ("cds_egress_demo_shop-2", 0)]),
        timeout: duration(15_000),
        retry_policy: Some(retry),
        ..Default::default()
    };
    let path_specifier = Some(PathSpecifier::Prefix("/".into()));
    let expected = Route {
        name: "r".into(),
        r#match: Some(RouteMatch { path_specifier, ..Default::default() }),
        action: Some(Action::Route(action)),
        ..Default::default()
    };
    assert_eq!(route, expected);
}

#[test]
fn a_target_s_port_is_honoured() {
    let mut resources = Resources::new("http");
    let action = json!({"weightedTargets": [
        {"virtualNode": "shop-1", "weight": 50, "port": 8080}, {"virtualNode": "shop-2", "weight": 50, "port": 8081}]});
    resources.route("r", json!({"httpRoute": {"match": {"prefix": "/"}, "action": action}}));
    let config = resources.of_node("web");
    let action = forward(&config.routes["egress"].virtual_hosts[0].routes[0]);
    let dead = "cds_egress_demo_shop-2_port_8081";
    assert_eq!(action.cluster_specifier, weighted([("cds_egress_demo_shop-1", 50), (dead, 50)]));
    // The node listens at 8080 only, so nobody answers there.
    assert_eq!(config.endpoints[dead], [].into());
    assert!(config.clusters.contains_key(dead) && !config.clusters.contains_key("cds_egress_demo_shop-2"));
}

#[test]
fn a_split_of_nothing_answers_503_instead_of_being_rejected() {
    let route = only_route("httpRoute", json!({"match": {"prefix": "/"}, "action": split(0, 0)}));
    assert!(matches!(route.action, Some(Action::DirectResponse(answer)) if answer.status == 503));
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
    let other = |name: &str, matched| HeaderMatcher {
        name: name.into(),
        header_match_specifier: Some(matched),
        ..Default::default()
    };
    let parameter = |name: &str, matched| QueryParameterMatcher {
        name: name.into(),
        query_parameter_match_specifier: Some(matched),
    };
    let expected = RouteMatch {
        path_specifier: Some(PathSpecifier::SafeRegex(regex("/items/[0-9]+"))),
        headers: vec![
            header("x-exact", MatchPattern::Exact("a".into())),
            HeaderMatcher { invert_match: true, ..header("x-not", MatchPattern::Prefix("b".into())) },
            header("x-suffix", MatchPattern::Suffix("c".into())),
            header("x-regex", MatchPattern::SafeRegex(regex("d.*"))),
            other("x-range", HeaderMatchSpecifier::RangeMatch(Int64Range { start: 1, end: 5 })),
            other("x-there", HeaderMatchSpecifier::PresentMatch(true)),
            header(":method", MatchPattern::Exact("POST".into())),
            header(":scheme", MatchPattern::Exact("http".into())),
        ],
        query_parameters: vec![
            parameter("q", QueryParameterMatchSpecifier::StringMatch(text(MatchPattern::Exact("1".into())))),
            parameter("any", QueryParameterMatchSpecifier::PresentMatch(true)),
        ],
        ..Default::default()
    };
    assert_eq!(route.r#match, Some(expected));
}

#[test]
fn a_grpc_route_matches_service_method_and_metadata() {
    let matching = json!({"serviceName": "pkg.Shop", "methodName": "Buy",
        "metadata": [{"name": "tenant", "match": {"exact": "a"}}]});
    let retry = json!({"grpcRetryEvents": ["unavailable", "deadline-exceeded"], "maxRetries": 3,
        "perRetryTimeout": {"unit": "ms", "value": 250}});
    let route = only_route("grpcRoute", json!({"match": matching, "action": split(1, 1), "retryPolicy": retry}));
    let call = |path_specifier, headers| {
        let grpc = Some(GrpcRouteMatchOptions {});
        Some(RouteMatch { path_specifier: Some(path_specifier), grpc, headers, ..Default::default() })
    };
    let tenant = header("tenant", MatchPattern::Exact("a".into()));
    assert_eq!(route.r#match, call(PathSpecifier::Path("/pkg.Shop/Buy".into()), vec![tenant]));
    let expected = RetryPolicy {
        retry_on: "unavailable,deadline-exceeded".into(),
        num_retries: number(3),
        per_try_timeout: duration(250),
        ..Default::default()
    };
    assert_eq!(forward(&route).retry_policy, Some(expected));
    let all = only_route("grpcRoute", json!({"match": {"serviceName": "pkg.Shop"}, "action": split(1, 1)}));
    assert_eq!(all.r#match, call(PathSpecifier::Prefix("/pkg.Shop/".into()), vec![]));
}

#[test]
fn retry_events_are_those_that_app_mesh_documents() {
    let retry = json!({"httpRetryEvents": ["server-error", "gateway-error", "client-error", "stream-error"],
        "tcpRetryEvents": ["connection-error"], "maxRetries": 0, "perRetryTimeout": {"unit": "s", "value": 0}});
    let route = json!({"match": {"prefix": "/"}, "action": split(1, 1), "retryPolicy": retry});
    let expected = RetryPolicy {
        retry_on: "retriable-status-codes,reset,gateway-error,retriable-4xx,refused-stream,connect-failure".into(),
        retriable_status_codes: vec![500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511],
        num_retries: number(0),
        ..Default::default()
    };
    assert_eq!(forward(&only_route("httpRoute", route)).retry_policy, Some(expected));
}

#[test]
fn a_timeout_of_zero_means_none_and_idle_is_kept() {
    let timeout = json!({"perRequest": {"unit": "s", "value": 0}, "idle": {"unit": "ms", "value": 1500}});
    let route = json!({"match": {"prefix": "/"}, "action": split(1, 1), "timeout": timeout});
    let route = only_route("httpRoute", route);
    assert_eq!((forward(&route).timeout, forward(&route).idle_timeout), (duration(0), duration(1500)));
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
    let order: Vec<&str> = routes.iter().map(|route| route.name.as_str()).collect();
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
    let [route] = <[Route; 1]>::try_from(routes(&resources)).unwrap();
    let action = forward(&route);
    assert_eq!(action.cluster_specifier, Some(ClusterSpecifier::Cluster("cds_egress_demo_shop-1".into())));
    assert_eq!(action.timeout, duration(40_000));
    assert_eq!(action.retry_policy.as_ref().unwrap().num_retries, number(2));
}

#[test]
fn a_node_knows_its_backends_only_and_unknown_names_as_the_mesh_says() {
    let mut resources = Resources::new("http");
    resources.service("bank.demo.local", json!({"virtualNode": {"virtualNodeName": "shop-2"}}));
    let hosts = |resources: &Resources, node: &str| -> Vec<Vec<String>> {
        let config = resources.of_node(node);
        config.routes["egress"].virtual_hosts.iter().map(|host| host.domains.clone()).collect()
    };
    assert_eq!(hosts(&resources, "web"), [["shop.demo.local"]]);
    assert_eq!(hosts(&resources, "shop-1"), Vec::<Vec<String>>::new());
    let table = &resources.of_node("web").routes["egress"];
    assert!(table.ignore_port_in_host_matching);

    resources.mesh.spec = serde_json::from_value(json!({"egressFilter": {"type": "ALLOW_ALL"}})).unwrap();
    assert_eq!(hosts(&resources, "web"), [["shop.demo.local"], ["*"]]);
    assert!(resources.of_node("web").clusters.contains_key("cds_egress_demo_allow_all"));
}
