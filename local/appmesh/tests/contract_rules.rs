//! Rules between members, each broken once.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{Api, Kind, gateway_route, http_route};

async fn refused(kind: &str, spec: Value, member: &str) {
    let api = Api::with_mesh().await;
    let kind = Kind::by_key(kind);
    let message = api.put(kind.collection, kind.body("r", &spec)).await.fault(400, "BadRequestException");
    assert!(message.starts_with(&format!("`{member}`: ")), "{message}");
}

fn with(mut spec: Value, pointer: &str, value: Value) -> Value {
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    spec.pointer_mut(parent).unwrap()[member] = value;
    spec
}

#[tokio::test]
async fn a_route_is_of_exactly_one_kind() {
    let one = http_route(&[("node", 1)]);
    refused("route", json!({"priority": 1}), "spec").await;
    refused("route", json!({"httpRoute": one["httpRoute"], "http2Route": one["httpRoute"]}), "spec").await;
    refused("gatewayRoute", json!({}), "spec").await;
}

#[tokio::test]
async fn weights_total_one_to_a_hundred() {
    let member = "spec.httpRoute.action.weightedTargets";
    refused("route", http_route(&[("node", 100), ("node", 1)]), member).await;
    refused("route", http_route(&[("node", 0)]), member).await;
    let api = Api::with_mesh().await;
    let route = Kind::by_key("route");
    let spec = http_route(&[("node", 100), ("node", 0)]);
    api.put(route.collection, route.body("r", &spec)).await.ok();
}

#[tokio::test]
async fn one_to_ten_targets() {
    let member = "spec.httpRoute.action.weightedTargets";
    refused("route", http_route(&[]), member).await;
    refused("route", http_route(&[("node", 1); 11]), member).await;
}

#[tokio::test]
async fn paths() {
    let route = http_route(&[("node", 1)]);
    let gateway = gateway_route("service.local");
    for (kind, spec) in [("route", route), ("gatewayRoute", gateway)] {
        let member = "spec.httpRoute.match";
        let relative = with(spec.clone(), "/httpRoute/match/prefix", json!("api"));
        refused(kind, relative, &format!("{member}.prefix")).await;
        let both = with(spec.clone(), "/httpRoute/match/path", json!({"exact": "/api"}));
        refused(kind, both, member).await;
        let neither = with(spec, "/httpRoute/match", json!({"path": {}}));
        refused(kind, neither, &format!("{member}.path")).await;
    }
}

#[tokio::test]
async fn regular_expressions_are_those_of_re2() {
    let member = "spec.httpRoute.match";
    let header = |regex: &str| json!([{"name": "x", "match": {"regex": regex}}]);
    for (kind, spec) in [("route", http_route(&[("node", 1)])), ("gatewayRoute", gateway_route("service.local"))] {
        for bad in ["/(?!internal).*", "/(a)\\1", "/(", "/[b-a]"] {
            let path = with(spec.clone(), "/httpRoute/match", json!({"path": {"regex": bad}}));
            refused(kind, path, &format!("{member}.path.regex")).await;
            let by_header = with(spec.clone(), "/httpRoute/match/headers", header(bad));
            refused(kind, by_header, &format!("{member}.headers[0].match.regex")).await;
        }
        let api = Api::with_mesh().await;
        let kind = Kind::by_key(kind);
        let good = with(spec, "/httpRoute/match", json!({"path": {"regex": "^/(?:a|b)+/(?P<id>\\d{2,})$"}}));
        api.put(kind.collection, kind.body("r", &good)).await.ok();
    }
    let metadata = json!({"metadata": header("(?<=a)b")});
    let action = http_route(&[("node", 1)])["httpRoute"]["action"].clone();
    let grpc = json!({"grpcRoute": {"action": action, "match": metadata}});
    refused("route", grpc, "spec.grpcRoute.match.metadata[0].match.regex").await;
}

#[tokio::test]
async fn what_envoy_refuses_of_listeners_and_gateways_is_refused() {
    let listener = json!({"portMapping": {"port": 80, "protocol": "http"}});
    let node = |listener: Value| json!({"listeners": [listener], "serviceDiscovery": {"dns": {"hostname": "h"}}});
    let check = json!({"protocol": "http", "path": "", "healthyThreshold": 2, "unhealthyThreshold": 2,
        "intervalMillis": 5000, "timeoutMillis": 2000});
    let unhealthy = with(listener.clone(), "/healthCheck", check);
    refused("virtualNode", node(unhealthy), "spec.listeners[0].healthCheck.path").await;
    let second = json!({"unit": "s", "value": 1});
    for zero in ["interval", "baseEjectionDuration"] {
        let mut detection = json!({"maxServerErrors": 5, "maxEjectionPercent": 50,
            "interval": second, "baseEjectionDuration": second});
        detection[zero] = json!({"unit": "ms", "value": 0});
        let ejecting = with(listener.clone(), "/outlierDetection", detection);
        refused("virtualNode", node(ejecting), &format!("spec.listeners[0].outlierDetection.{zero}")).await;
    }
    let gateway = with(gateway_route("service.local"), "/httpRoute/match/prefix", json!("/a?b"));
    refused("gatewayRoute", gateway, "spec.httpRoute.match.prefix").await;
}

#[tokio::test]
async fn virtual_services_differ_in_more_than_case() {
    let api = Api::with_mesh().await;
    let service = Kind::by_key("virtualService");
    api.put(service.collection, service.body("cart", &json!({}))).await.ok();
    let message = api.put(service.collection, service.body("Cart", &json!({}))).await.fault(400, "BadRequestException");
    assert!(message.starts_with("`virtualServiceName`: `Cart` is not allowed: virtual service `cart`"), "{message}");
    api.put(&service.item("cart"), json!({"spec": {}})).await.ok();
}

#[tokio::test]
async fn a_hostname_is_exact_or_a_suffix() {
    let hostname = json!({"exact": "a.b", "suffix": ".b"});
    let spec = with(gateway_route("service.local"), "/httpRoute/match/hostname", hostname);
    refused("gatewayRoute", spec, "spec.httpRoute.match.hostname").await;
}

#[tokio::test]
async fn a_retry_policy_has_an_event() {
    let retries = json!({"maxRetries": 1, "perRetryTimeout": {"unit": "s", "value": 1}});
    let spec = with(http_route(&[("node", 1)]), "/httpRoute/retryPolicy", retries);
    refused("route", spec.clone(), "spec.httpRoute.retryPolicy").await;
    let grpc = with(spec["httpRoute"].clone(), "/match", json!({}));
    refused("route", json!({ "grpcRoute": grpc }), "spec.grpcRoute.retryPolicy").await;
}

#[tokio::test]
async fn a_grpc_method_needs_its_service() {
    let route = http_route(&[("node", 1)])["httpRoute"].clone();
    let route = with(route, "/match", json!({"methodName": "Get"}));
    refused("route", json!({ "grpcRoute": route }), "spec.grpcRoute.match.serviceName").await;
}

fn node(listener: Value) -> Value {
    json!({"listeners": [listener], "serviceDiscovery": {"dns": {"hostname": "h"}}})
}

#[tokio::test]
async fn listeners() {
    let mapping = json!({"port": 80, "protocol": "http"});
    refused("virtualNode", json!({"listeners": [{"portMapping": mapping}]}), "spec.serviceDiscovery").await;
    let check = json!({"port": 81, "protocol": "http", "healthyThreshold": 2, "unhealthyThreshold": 2,
                       "intervalMillis": 5000, "timeoutMillis": 2000});
    let listener = json!({"portMapping": mapping, "healthCheck": check});
    let member = "spec.listeners[0].healthCheck.port";
    refused("virtualNode", node(listener.clone()), member).await;
    refused("virtualGateway", json!({"listeners": [listener]}), member).await;
    let listener = json!({"portMapping": mapping, "connectionPool": {"grpc": {"maxRequests": 1}}});
    let member = "spec.listeners[0].connectionPool";
    refused("virtualNode", node(listener.clone()), member).await;
    refused("virtualGateway", json!({"listeners": [listener]}), member).await;
}

#[tokio::test]
async fn cloud_map_attributes_are_printable() {
    for (attribute, member) in [
        (json!({"key": "a b", "value": "v"}), "key"),
        (json!({"key": "k", "value": " v"}), "value"),
        (json!({"key": "k", "value": "ü"}), "value"),
    ] {
        let cloud_map = json!({"namespaceName": "n", "serviceName": "s", "attributes": [attribute]});
        let spec = json!({"serviceDiscovery": {"awsCloudMap": cloud_map}});
        let member = format!("spec.serviceDiscovery.awsCloudMap.attributes[0].{member}");
        refused("virtualNode", spec, &member).await;
    }
}

#[tokio::test]
async fn a_union_has_exactly_one_member() {
    let discovery = json!({"dns": {"hostname": "h"}, "awsCloudMap": {"namespaceName": "n", "serviceName": "s"}});
    refused("virtualNode", json!({ "serviceDiscovery": discovery }), "spec.serviceDiscovery").await;
    refused("virtualService", json!({"provider": {}}), "spec.provider").await;
}
