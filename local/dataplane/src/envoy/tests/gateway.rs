use envoy_types::pb::envoy::config::core::v3::HeaderValue;
use envoy_types::pb::envoy::config::route::v3::route_action::HostRewriteSpecifier;
use envoy_types::pb::envoy::config::route::v3::route_match::{GrpcRouteMatchOptions, PathSpecifier};
use envoy_types::pb::envoy::config::route::v3::{Route, RouteAction, RouteMatch, VirtualHost};
use envoy_types::pb::envoy::r#type::matcher::v3::RegexMatchAndSubstitute;
use serde_json::{Value, json};

use super::{Resources, forward, host, manager};
use crate::envoy::proto::{duration, regex};
use crate::envoy::routes::to_cluster;

fn target() -> Value {
    json!({"virtualService": {"virtualServiceName": "shop.demo.local"}})
}

/// The virtual hosts of the gateway's listener.
fn hosts(routes: &[(&str, Value)]) -> Vec<VirtualHost> {
    let mut resources = Resources::new("http");
    resources.gateway(routes);
    let config = resources.of_gateway();
    config.routes["gateway_8080"].virtual_hosts.clone()
}

fn only_route(matching: Value, rewrite: Value) -> Route {
    let mut action = json!({"target": target()});
    if !rewrite.is_null() {
        action["rewrite"] = rewrite;
    }
    let hosts = hosts(&[("r", json!({"httpRoute": {"match": matching, "action": action}}))]);
    hosts[0].routes[0].clone()
}

fn matching(path: PathSpecifier) -> Option<RouteMatch> {
    Some(RouteMatch { path_specifier: Some(path), ..Default::default() })
}

fn rewrite(pattern: &str, substitution: &str) -> Option<RegexMatchAndSubstitute> {
    Some(RegexMatchAndSubstitute { pattern: Some(regex(pattern)), substitution: substitution.into() })
}

#[test]
fn a_prefix_is_rewritten_to_the_root_and_the_host_to_the_service() {
    let route = only_route(json!({"prefix": "/hello-service"}), Value::Null);
    assert_eq!(route.r#match, matching(PathSpecifier::PathSeparatedPrefix("/hello-service".into())));
    let expected = RouteAction {
        host_rewrite_specifier: Some(HostRewriteSpecifier::HostRewriteLiteral("shop.demo.local".into())),
        regex_rewrite: rewrite(r"^/hello\-service/?", "/"),
        timeout: duration(0),
        ..to_cluster("cds_ingress_demo_ingress_self_redirect_8080")
    };
    assert_eq!(forward(&route), &expected);
    let header =
        HeaderValue { key: "x-appmesh-virtual-service".into(), value: "shop.demo.local".into(), ..Default::default() };
    assert_eq!(route.request_headers_to_add[0].header, Some(header));
}

#[test]
fn rewrites_can_be_chosen_or_disabled() {
    let rewritten = |matching: Value, rewrite: Value| forward(&only_route(matching, rewrite)).regex_rewrite.clone();
    let prefix = json!({"prefix": "/a/"});
    let value = rewritten(prefix.clone(), json!({"prefix": {"value": "/b/"}}));
    assert_eq!(value, rewrite("^/a/?", "/b/"));
    let disabled = rewritten(prefix.clone(), json!({"prefix": {"defaultPrefix": "DISABLED"}}));
    assert_eq!(disabled, None);
    let path = rewritten(json!({"path": {"exact": "/a"}}), json!({"path": {"exact": "/b"}}));
    assert_eq!(path, rewrite("^.*$", "/b"));
    assert_eq!(rewritten(json!({"path": {"exact": "/a"}}), Value::Null), None);

    let hostname = json!({"hostname": {"defaultTargetHostname": "DISABLED"}});
    assert_eq!(forward(&only_route(prefix, hostname)).host_rewrite_specifier, None);
}

#[test]
fn the_root_prefix_takes_everything_unchanged() {
    let route = only_route(json!({"prefix": "/"}), Value::Null);
    assert_eq!(route.r#match, matching(PathSpecifier::Prefix("/".into())));
    assert_eq!(forward(&route).regex_rewrite, rewrite("^/?", "/"));
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
            let routes = host.routes.iter().map(|route| route.name.as_str()).collect();
            (host.domains[0].as_str(), routes)
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
    let route = hosts(&[("g", spec)])[0].routes[0].clone();
    let grpc = Some(GrpcRouteMatchOptions {});
    let path_specifier = Some(PathSpecifier::Prefix("/pkg.Shop/".into()));
    assert_eq!(route.r#match, Some(RouteMatch { path_specifier, grpc, ..Default::default() }));
}

#[test]
fn a_route_for_another_listener_is_not_there() {
    let spec = json!({"httpRoute": {"match": {"prefix": "/", "port": 9090}, "action": {"target": target()}}});
    assert_eq!(hosts(&[("r", spec)])[0].routes, []);
}

#[test]
fn the_egress_table_goes_by_the_service_that_the_route_chose() {
    let mut resources = Resources::new("http");
    let spec = json!({"httpRoute": {"match": {"prefix": "/"}, "action": {"target": target()}}});
    resources.gateway(&[("r", spec)]);
    let config = resources.of_gateway();
    let table = &config.routes["egress"];
    assert_eq!(table.vhost_header, "x-appmesh-virtual-service");
    assert_eq!(table.request_headers_to_remove, ["x-appmesh-virtual-service"]);
    assert_eq!(table.virtual_hosts[0].domains, ["shop.demo.local"]);
    assert_eq!(manager(&config.listeners["gateway_8080"]).stat_prefix, "ingress");
    let own = &config.clusters["cds_ingress_demo_ingress_self_redirect_8080"];
    assert_eq!(host(own), "127.0.40.9:15001");
}
