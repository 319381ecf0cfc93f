//! What is refused, and with which error.
#![allow(clippy::unwrap_used)]

mod support;

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::json;
use support::{Api, KINDS, Kind, accepted, gateway_route, http_route};
use tower::ServiceExt;

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let accepted = accepted();
    for kind in KINDS {
        let api = Api::with_mesh().await;
        let spec = &accepted[kind.key][0];
        api.get(&kind.item("none")).await.fault(404, "NotFoundException");
        api.delete(&kind.item("none")).await.fault(404, "NotFoundException");
        let message = api.put(&kind.item("none"), json!({ "spec": spec })).await.fault(404, "NotFoundException");
        assert!(message.contains("`none`") && message.ends_with("does not exist"), "{message}");
    }
}

#[tokio::test]
async fn a_resource_needs_what_it_lies_in() {
    let accepted = accepted();
    for kind in KINDS.iter().filter(|kind| kind.key != "mesh") {
        let api = Api::new();
        let body = kind.body("x", &accepted[kind.key][0]);
        api.put(kind.collection, body).await.fault(404, "NotFoundException");
        api.get(kind.collection).await.fault(404, "NotFoundException");
    }
}

#[tokio::test]
async fn a_name_is_given_once() {
    let accepted = accepted();
    for kind in KINDS {
        let api = Api::with_mesh().await;
        let body = kind.body("x", &accepted[kind.key][0]);
        api.put(kind.collection, body.clone()).await.ok();
        api.put(kind.collection, body).await.fault(409, "ConflictException");
    }
}

#[tokio::test]
async fn names_have_bounds() {
    let api = Api::with_mesh().await;
    for kind in KINDS {
        let spec = &accepted()[kind.key][0];
        for name in ["", &"x".repeat(256), "a/b", "a b", "a\nb"] {
            let message = api.put(kind.collection, kind.body(name, spec)).await.fault(400, "BadRequestException");
            assert!(message.starts_with(&format!("`{}`: ", kind.name_member)), "{message}");
        }
        let message = api.put(kind.collection, json!({ "spec": spec })).await.fault(400, "BadRequestException");
        assert_eq!(message, format!("`{}`: is missing", kind.name_member));
        api.put(kind.collection, kind.body(&"x".repeat(255), spec)).await.ok();
    }
}

#[tokio::test]
async fn every_kind_but_a_mesh_needs_a_spec() {
    let api = Api::with_mesh().await;
    for kind in KINDS {
        let mut body = json!({});
        body[kind.name_member] = json!("x");
        let answer = api.put(kind.collection, body).await;
        match kind.key {
            "mesh" => assert_eq!(answer.ok()["spec"], json!({})),
            _ => assert_eq!(answer.fault(400, "BadRequestException"), "`spec`: is missing"),
        }
    }
}

#[tokio::test]
async fn references_must_lead_somewhere() {
    let api = Api::with_routes().await;
    let provider = |kind: &str, member: &str| json!({"provider": {kind: {member: "none"}}});
    for (kind, spec, missing) in [
        ("route", http_route(&[("node", 1), ("none", 1)]), "virtual node `none` of mesh `m`"),
        ("gatewayRoute", gateway_route("none"), "virtual service `none` of mesh `m`"),
        ("virtualService", provider("virtualNode", "virtualNodeName"), "virtual node `none` of mesh `m`"),
        ("virtualService", provider("virtualRouter", "virtualRouterName"), "virtual router `none` of mesh `m`"),
    ] {
        let kind = Kind::by_key(kind);
        let expected = format!("refers to {missing}, which does not exist");
        let message = api.put(kind.collection, kind.body("x", &spec)).await.fault(404, "NotFoundException");
        assert!(message.ends_with(&expected), "{message}");
    }
    let update = json!({"spec": http_route(&[("none", 1)])});
    let item = Kind::by_key("route").item("route");
    api.put(&item, update).await.fault(404, "NotFoundException");
    assert_eq!(api.get(&item).await.ok()["metadata"]["version"], 1);
}

#[tokio::test]
async fn what_is_in_use_cannot_be_deleted() {
    let api = Api::with_routes().await;
    let provider = json!({"provider": {"virtualRouter": {"virtualRouterName": "unrouted"}}});
    let (routers, services) = (Kind::by_key("virtualRouter"), Kind::by_key("virtualService"));
    api.put(routers.collection, routers.body("unrouted", &json!({}))).await.ok();
    api.put(services.collection, services.body("provided", &provider)).await.ok();
    for (path, reason) in [
        ("/meshes/m", "lies in it"),
        ("/meshes/m/virtualRouters/router", "route `route` of virtual router `router` of mesh `m` lies in it"),
        ("/meshes/m/virtualRouters/unrouted", "virtual service `provided` of mesh `m` refers to it"),
        ("/meshes/m/virtualNodes/node", "route `route` of virtual router `router` of mesh `m` refers to it"),
        ("/meshes/m/virtualServices/service.local", "of virtual gateway `gateway` of mesh `m` refers to it"),
        ("/meshes/m/virtualGateways/gateway", "gateway route `gateway-route` of virtual gateway `gateway`"),
    ] {
        let message = api.delete(path).await.fault(409, "ResourceInUseException");
        assert!(message.contains("cannot be deleted: ") && message.contains(reason), "{message}");
    }
    for path in [
        "/meshes/m/virtualGateway/gateway/gatewayRoutes/gateway-route",
        "/meshes/m/virtualGateways/gateway",
        "/meshes/m/virtualServices/service.local",
        "/meshes/m/virtualServices/provided",
        "/meshes/m/virtualRouters/unrouted",
        "/meshes/m/virtualRouter/router/routes/route",
        "/meshes/m/virtualRouters/router",
        "/meshes/m/virtualNodes/node",
        "/meshes/m",
    ] {
        api.delete(path).await.ok();
    }
    assert!(api.store.snapshot().meshes.is_empty());
}

#[tokio::test]
async fn what_lies_in_a_namesake_is_not_in_the_way() {
    let api = Api::with_routes().await;
    let gateways = Kind::by_key("virtualGateway");
    api.put(gateways.collection, gateways.body("router", &json!({"listeners": []}))).await.ok();
    api.delete(&gateways.item("router")).await.ok();
    api.delete("/meshes/m/virtualRouters/router").await.fault(409, "ResourceInUseException");
}

/// A weight of zero still names the node.
#[tokio::test]
async fn a_node_without_weight_is_in_use() {
    let api = Api::with_routes().await;
    let nodes = Kind::by_key("virtualNode");
    api.put(nodes.collection, nodes.body("old", &json!({}))).await.ok();
    let update = json!({"spec": http_route(&[("node", 100), ("old", 0)])});
    api.put("/meshes/m/virtualRouter/router/routes/route", update).await.ok();
    api.delete(&nodes.item("old")).await.fault(409, "ResourceInUseException");
    let update = json!({"spec": http_route(&[("node", 100)])});
    api.put("/meshes/m/virtualRouter/router/routes/route", update).await.ok();
    api.delete(&nodes.item("old")).await.ok();
}

#[tokio::test]
async fn several_listeners_need_routes_that_match_a_port() {
    let api = Api::with_routes().await;
    let listener = |port: u16| json!({"portMapping": {"port": port, "protocol": "http"}});
    let several = json!({"spec": {"listeners": [listener(80), listener(81)]}});
    let (router, route) = ("/meshes/m/virtualRouters/router", Kind::by_key("route"));
    api.put(router, several.clone()).await.fault(400, "BadRequestException");
    let mut spec = http_route(&[("node", 1)]);
    spec["httpRoute"]["match"]["port"] = json!(80);
    api.put(&route.item("route"), json!({ "spec": spec })).await.ok();
    api.put(router, several).await.ok();
    let any_port = route.body("other", &http_route(&[("node", 1)]));
    api.put(route.collection, any_port).await.fault(400, "BadRequestException");
    api.put(route.collection, route.body("other", &spec)).await.ok();
}

#[tokio::test]
async fn a_malformed_request_is_a_bad_request() {
    let api = Api::with_mesh().await;
    for body in ["", "{", "[]", "7", "{\"meshName\": 7}", "{\"meshName\": \"x\", \"spec\": []}"] {
        let message = api.send(Method::PUT, "/meshes", body).await.fault(400, "BadRequestException");
        assert!(!message.is_empty());
    }
    api.send(Method::PUT, "/meshes", "x".repeat(3 << 20)).await.fault(400, "BadRequestException");
    api.send(Method::PUT, "/meshes", vec![0xff, 0xfe]).await.fault(400, "BadRequestException");
    api.get("/meshes/%ff").await.fault(400, "BadRequestException");
}

#[tokio::test]
async fn what_is_no_operation_is_said_to_be_unknown() {
    let api = Api::with_mesh().await;
    for (method, path) in [(Method::POST, "/meshes"), (Method::GET, "/nothing"), (Method::DELETE, "/tags")] {
        api.send(method, path, "").await.fault(404, "UnknownOperationException");
    }
}

/// Another server's paths and fallback stay its own.
#[tokio::test]
async fn the_router_can_be_merged_into_another() {
    let ours = axum::Router::new().route("/health", axum::routing::get(async || "ok")).fallback(async || "fallback");
    let both = ours.merge(local_appmesh::router(local_appmesh::Store::new()));
    for (path, status, error) in [
        ("/health", 200, None),
        ("/elsewhere", 200, None),
        ("/v20190125/meshes", 200, None),
        ("/v20190125/elsewhere", 404, Some("UnknownOperationException")),
    ] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = both.clone().oneshot(request).await.unwrap();
        let found = response.headers().get("x-amzn-errortype").map(|name| name.to_str().unwrap());
        assert_eq!((response.status().as_u16(), found), (status, error), "{path}");
    }
}
