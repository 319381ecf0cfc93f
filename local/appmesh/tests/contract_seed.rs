//! The requests of the ECS developer guide's "Getting Started with AWS App Mesh", in its order.
//!
//! The guide creates an `http2` router, gives it an `httpRoute`, and later updates that to an `http2Route`.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::Api;

fn node(name: &str, hostname: &str) -> Value {
    json!({"meshName": "apps", "virtualNodeName": name, "spec": {
        "listeners": [{"portMapping": {"port": 80, "protocol": "http2"}}],
        "serviceDiscovery": {"dns": {"hostname": hostname}},
    }})
}

fn route(kind: &str, targets: Value) -> Value {
    json!({"meshName": "apps", "routeName": "serviceB", "virtualRouterName": "serviceB", "spec": {
        kind: {"action": {"weightedTargets": targets}, "match": {"prefix": "/"}},
    }})
}

#[tokio::test]
async fn the_getting_started_guide_works_as_it_stands() {
    let api = Api::new();
    let apps = "/meshes/apps";
    api.put("/meshes", json!({"meshName": "apps"})).await.ok();
    let services = format!("{apps}/virtualServices");
    let service = json!({"virtualServiceName": "serviceb.apps.local", "spec": {}});
    assert_eq!(api.put(&services, service).await.ok()["spec"], json!({}));
    let nodes = format!("{apps}/virtualNodes");
    api.put(&nodes, node("serviceB", "serviceB.apps.local")).await.ok();
    let router = json!({"meshName": "apps", "virtualRouterName": "serviceB",
                        "spec": {"listeners": [{"portMapping": {"port": 80, "protocol": "http2"}}]}});
    api.put(&format!("{apps}/virtualRouters"), router).await.ok();
    let routes = format!("{apps}/virtualRouter/serviceB/routes");
    let all = json!([{"virtualNode": "serviceB", "weight": 100}]);
    api.put(&routes, route("httpRoute", all)).await.ok();

    api.put(&nodes, node("serviceBv2", "serviceBv2.apps.local")).await.ok();
    let mut service_a = node("serviceA", "servicea.apps.local");
    service_a["spec"]["backends"] = json!([{"virtualService": {"virtualServiceName": "serviceb.apps.local"}}]);
    api.put(&nodes, service_a).await.ok();
    let provider = json!({"meshName": "apps", "virtualServiceName": "serviceb.apps.local",
                          "spec": {"provider": {"virtualRouter": {"virtualRouterName": "serviceB"}}}});
    api.put(&format!("{services}/serviceb.apps.local"), provider).await.ok();
    let split = json!([{"virtualNode": "serviceB", "weight": 75}, {"virtualNode": "serviceBv2", "weight": 25}]);
    let update = route("http2Route", split);
    api.put(&format!("{routes}/serviceB"), update.clone()).await.ok();
    let service = json!({"meshName": "apps", "virtualServiceName": "servicea.apps.local",
                         "spec": {"provider": {"virtualNode": {"virtualNodeName": "serviceA"}}}});
    api.put(&services, service).await.ok();

    let described = api.get(&format!("{routes}/serviceB")).await.ok();
    assert_eq!(described["spec"], update["spec"]);
    assert_eq!(described["metadata"]["version"], 2);
    let snapshot = api.store.snapshot();
    let mesh = &snapshot.meshes["apps"];
    assert_eq!(mesh.virtual_nodes.keys().collect::<Vec<_>>(), ["serviceA", "serviceB", "serviceBv2"]);
    let weights = mesh.virtual_routers["serviceB"].routes["serviceB"].weighted_targets();
    assert_eq!(weights.iter().map(|target| target.weight.get()).collect::<Vec<_>>(), [75, 25]);
}
