//! A client that speaks to the router as SDKs do, without a socket.
#![allow(dead_code, reason = "each test file uses its own part")]

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use local_appmesh::{Store, router};
use serde_json::{Value, json};
use tower::ServiceExt;

/// The API over a store of its own.
pub struct Api {
    pub store: Store,
}

/// An answer of the API.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Api {
    pub fn new() -> Self {
        Self { store: Store::new() }
    }

    pub async fn send(&self, method: Method, path: &str, body: impl Into<Body>) -> Answer {
        self.request(Request::builder().method(method).uri(format!("/v20190125{path}")).body(body.into()).unwrap())
            .await
    }

    pub async fn request(&self, request: Request<Body>) -> Answer {
        let response = router(self.store.clone()).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let body = match bytes.is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(&bytes).unwrap(),
        };
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, body.to_string()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, Body::empty()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, Body::empty()).await
    }

    /// Mesh `m` with node `node`, router `router`, service `service.local`, gateway `gateway`.
    pub async fn with_mesh() -> Self {
        let api = Self::new();
        for (path, body) in [
            ("/meshes", json!({"meshName": "m"})),
            ("/meshes/m/virtualNodes", json!({"virtualNodeName": "node", "spec": {}})),
            ("/meshes/m/virtualRouters", json!({"virtualRouterName": "router", "spec": {}})),
            ("/meshes/m/virtualServices", json!({"virtualServiceName": "service.local", "spec": {}})),
            ("/meshes/m/virtualGateways", json!({"virtualGatewayName": "gateway", "spec": {"listeners": []}})),
        ] {
            api.put(path, body).await.ok();
        }
        api
    }

    /// The same with route `route` and gateway route `gateway-route`.
    pub async fn with_routes() -> Self {
        let api = Self::with_mesh().await;
        let route = json!({"routeName": "route", "spec": http_route(&[("node", 1)])});
        api.put("/meshes/m/virtualRouter/router/routes", route).await.ok();
        let route = json!({"gatewayRouteName": "gateway-route", "spec": gateway_route("service.local")});
        api.put("/meshes/m/virtualGateway/gateway/gatewayRoutes", route).await.ok();
        api
    }
}

impl Answer {
    /// The body of an answer that must be a success.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        self.body
    }

    /// The message of an answer that must be this error.
    #[track_caller]
    pub fn fault(self, status: u16, code: &str) -> String {
        let found = self.headers.get("x-amzn-errortype").map(|name| name.to_str().unwrap());
        assert_eq!((self.status.as_u16(), found), (status, Some(code)), "{}", self.body);
        self.body["message"].as_str().unwrap().to_owned()
    }
}

/// A kind of resource: its key in `accepted.json`, the path of its collection in [`Api::with_mesh`], the member
/// with its name, and the member of its list.
pub struct Kind {
    pub key: &'static str,
    pub collection: &'static str,
    pub name_member: &'static str,
    pub list_member: &'static str,
}

pub const KINDS: [Kind; 7] = [
    kind("mesh", "/meshes", "meshName", "meshes"),
    kind("virtualNode", "/meshes/m/virtualNodes", "virtualNodeName", "virtualNodes"),
    kind("virtualRouter", "/meshes/m/virtualRouters", "virtualRouterName", "virtualRouters"),
    kind("route", "/meshes/m/virtualRouter/router/routes", "routeName", "routes"),
    kind("virtualService", "/meshes/m/virtualServices", "virtualServiceName", "virtualServices"),
    kind("virtualGateway", "/meshes/m/virtualGateways", "virtualGatewayName", "virtualGateways"),
    kind("gatewayRoute", "/meshes/m/virtualGateway/gateway/gatewayRoutes", "gatewayRouteName", "gatewayRoutes"),
];

const fn kind(
    key: &'static str,
    collection: &'static str,
    name_member: &'static str,
    list_member: &'static str,
) -> Kind {
    Kind { key, collection, name_member, list_member }
}

impl Kind {
    pub fn by_key(key: &str) -> &'static Kind {
        KINDS.iter().find(|kind| kind.key == key).unwrap()
    }

    /// The body that creates a resource of this kind.
    pub fn body(&self, name: &str, spec: &Value) -> Value {
        let mut body = json!({ "spec": spec });
        body[self.name_member] = json!(name);
        body
    }

    pub fn item(&self, name: &str) -> String {
        format!("{}/{name}", self.collection)
    }
}

/// Specifications per kind in which every member and every enumerated value of the API model occurs.
pub fn accepted() -> Value {
    serde_json::from_str(include_str!("../specs/accepted.json")).unwrap()
}

pub fn http_route(targets: &[(&str, i64)]) -> Value {
    let targets: Vec<Value> =
        targets.iter().map(|(node, weight)| json!({"virtualNode": node, "weight": weight})).collect();
    json!({"httpRoute": {"match": {"prefix": "/"}, "action": {"weightedTargets": targets}}})
}

pub fn gateway_route(service: &str) -> Value {
    let target = json!({"virtualService": {"virtualServiceName": service}});
    json!({"httpRoute": {"match": {"prefix": "/"}, "action": {"target": target}}})
}
