//! The App Mesh resources of the tests, made through the API as any client makes them.

use serde_json::{Value, json};

use super::DataPlane;

impl DataPlane {
    /// Puts an App Mesh resource: creates it under `collection`, where names are in `body`.
    pub async fn appmesh(&self, path: &str, body: Value) {
        let path = format!("/v20190125/{path}");
        let (status, answer) = self.send(reqwest::Method::PUT, &path, &body).await;
        assert!(status.is_success(), "PUT {path}: {status} {answer}");
    }

    /// Creates the mesh `test`, whose name is in every path used here.
    pub async fn create_mesh(&self) {
        self.appmesh("meshes", json!({"meshName": "test"})).await;
    }

    /// Creates a virtual node that listens with `protocol` and is found in Cloud Map under its name.
    pub async fn create_node(&self, name: &str, protocol: &str, backends: &[&str]) {
        let backends: Vec<Value> =
            backends.iter().map(|name| json!({"virtualService": {"virtualServiceName": name}})).collect();
        let spec = json!({
            "listeners": [{"portMapping": {"port": 8080, "protocol": protocol}}],
            "serviceDiscovery": {"awsCloudMap": {"namespaceName": "test.local", "serviceName": name}},
            "backends": backends});
        self.appmesh("meshes/test/virtualNodes", json!({"virtualNodeName": name, "spec": spec})).await;
    }

    /// Creates the virtual service `name.test.local` with the router `name-vr`.
    pub async fn create_service(&self, name: &str, port: u16, protocol: &str) {
        let listener = json!({"portMapping": {"port": port, "protocol": protocol}});
        let router = json!({"virtualRouterName": format!("{name}-vr"), "spec": {"listeners": [listener]}});
        self.appmesh("meshes/test/virtualRouters", router).await;
        let provider = json!({"virtualRouter": {"virtualRouterName": format!("{name}-vr")}});
        let service = json!({"virtualServiceName": format!("{name}.test.local"), "spec": {"provider": provider}});
        self.appmesh("meshes/test/virtualServices", service).await;
    }

    /// Creates the gateway `ingress` on port 8080, without routes.
    pub async fn create_gateway_resource(&self) {
        let listener = json!({"portMapping": {"port": 8080, "protocol": "http"}});
        let gateway = json!({"virtualGatewayName": "ingress", "spec": {"listeners": [listener]}});
        self.appmesh("meshes/test/virtualGateways", gateway).await;
    }

    /// Creates the gateway `ingress` on port 8080, whose `/name` leads to the virtual service `name.test.local`.
    pub async fn create_gateway(&self, name: &str) {
        self.create_gateway_resource().await;
        let target = json!({"virtualService": {"virtualServiceName": format!("{name}.test.local")}});
        let spec = json!({"httpRoute": {"match": {"prefix": format!("/{name}")}, "action": {"target": target}}});
        let route = json!({"gatewayRouteName": name, "spec": spec});
        self.appmesh("meshes/test/virtualGateway/ingress/gatewayRoutes", route).await;
    }

    /// Creates the route `name-route`.
    pub async fn create_route(&self, name: &str, kind: &str, weights: &[(&str, u32)]) {
        let route = json!({"routeName": format!("{name}-route"), "spec": route_spec(kind, weights)});
        self.appmesh(&format!("meshes/test/virtualRouter/{name}-vr/routes"), route).await;
    }

    /// Sets the weights of the route `name-route`.
    pub async fn set_weights(&self, name: &str, kind: &str, weights: &[(&str, u32)]) {
        let path = format!("meshes/test/virtualRouter/{name}-vr/routes/{name}-route");
        self.appmesh(&path, json!({"spec": route_spec(kind, weights)})).await;
    }
}

fn route_spec(kind: &str, weights: &[(&str, u32)]) -> Value {
    let targets: Vec<Value> =
        weights.iter().map(|(node, weight)| json!({"virtualNode": node, "weight": weight})).collect();
    let mut route = json!({"action": {"weightedTargets": targets}});
    if kind != "tcpRoute" {
        route["match"] = json!({"prefix": "/"});
    }
    json!({kind: route})
}
