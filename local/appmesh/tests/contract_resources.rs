//! The five operations, the same for each of the seven kinds.
#![allow(clippy::unwrap_used)]

mod support;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use support::{Api, KINDS, Kind, accepted};

#[tokio::test]
async fn a_resource_lives_from_create_to_delete() {
    let accepted = accepted();
    for kind in KINDS {
        let api = Api::with_mesh().await;
        let spec = &accepted[kind.key][0];
        let created = api.put(kind.collection, kind.body("x", spec)).await.ok();
        assert_eq!(created[kind.name_member], "x");
        assert_eq!(created["status"], json!({"status": "ACTIVE"}));
        assert_eq!(created["metadata"]["version"], 1);
        assert_eq!(created["metadata"]["createdAt"], created["metadata"]["lastUpdatedAt"]);
        assert_eq!(api.get(&kind.item("x")).await.ok(), created);

        let updated = api.put(&kind.item("x"), json!({ "spec": spec })).await.ok();
        assert_eq!(updated["metadata"]["version"], 2);
        for kept in ["uid", "arn", "createdAt"] {
            assert_eq!(updated["metadata"][kept], created["metadata"][kept]);
        }
        let deleted = api.delete(&kind.item("x")).await.ok();
        assert_eq!(deleted["status"], json!({"status": "DELETED"}));
        assert_eq!(deleted["metadata"], updated["metadata"]);
        api.get(&kind.item("x")).await.fault(404, "NotFoundException");
        let again = api.put(kind.collection, kind.body("x", spec)).await.ok();
        assert_ne!(again["metadata"]["uid"], created["metadata"]["uid"]);
    }
}

#[tokio::test]
async fn answers_name_what_a_resource_lies_in() {
    let api = Api::with_routes().await;
    let route = api.get("/meshes/m/virtualRouter/router/routes/route").await.ok();
    assert_eq!(names(&route), json!(["m", "router", null, "route", null]));
    let gateway_route = api.get("/meshes/m/virtualGateway/gateway/gatewayRoutes/gateway-route").await.ok();
    assert_eq!(names(&gateway_route), json!(["m", null, "gateway", null, "gateway-route"]));
    let arn = "arn:aws:appmesh:us-west-2:000000000000:mesh/m/virtualRouter/router/route/route";
    assert_eq!(route["metadata"]["arn"], arn);
    let arn = "arn:aws:appmesh:us-west-2:000000000000:mesh/m/virtualGateway/gateway/gatewayRoute/gateway-route";
    assert_eq!(gateway_route["metadata"]["arn"], arn);
}

fn names(answer: &Value) -> Value {
    ["meshName", "virtualRouterName", "virtualGatewayName", "routeName", "gatewayRouteName"]
        .map(|member| answer[member].clone())
        .as_slice()
        .into()
}

#[tokio::test]
async fn times_are_numbers_of_seconds() {
    let api = Api::with_mesh().await;
    let metadata = api.get("/meshes/m").await.ok()["metadata"].clone();
    let created = metadata["createdAt"].as_f64().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((now - created).abs() < 60.0, "{created} is not about {now}");
}

#[tokio::test]
async fn account_and_region_come_from_whoever_stands_in_front() {
    let api = Api::new();
    let request = Request::put("/v20190125/meshes")
        .header("x-canary-account", "123456789012")
        .header("x-canary-region", "eu-west-1")
        .body(Body::from(json!({"meshName": "apps"}).to_string()));
    let metadata = api.request(request.unwrap()).await.ok()["metadata"].clone();
    assert_eq!(metadata["arn"], "arn:aws:appmesh:eu-west-1:123456789012:mesh/apps");
    assert_eq!(metadata["meshOwner"], "123456789012");
    assert_eq!(metadata["resourceOwner"], "123456789012");
    api.get("/meshes/apps?meshOwner=123456789012").await.ok();
    let message = api.get("/meshes/apps?meshOwner=000000000000").await.fault(404, "NotFoundException");
    assert_eq!(message, "mesh `apps` of account `000000000000` does not exist");
    api.get("/meshes/apps?meshOwner=1").await.fault(400, "BadRequestException");
}

#[tokio::test]
async fn names_in_paths_are_decoded() {
    let api = Api::with_mesh().await;
    let service = Kind::by_key("virtualService");
    api.put(service.collection, service.body("*.b+c%d", &json!({}))).await.ok();
    let described = api.get(&service.item("%2A.b+c%25d")).await.ok();
    assert_eq!(described["virtualServiceName"], "*.b+c%d");
}

#[tokio::test]
async fn lists_come_in_pages_and_in_order() {
    for kind in KINDS {
        let api = Api::with_routes().await;
        let spec = &accepted()[kind.key][0];
        let mut expected: Vec<Value> = list(&api, kind.collection, kind.list_member, 100).await;
        for name in ["zz", "z1", "z3", "z2"] {
            api.put(kind.collection, kind.body(name, spec)).await.ok();
            let created = api.get(&kind.item(name)).await.ok();
            expected.push(as_listed(created, kind.name_member));
        }
        expected.sort_by_key(|entry| entry[kind.name_member].as_str().unwrap().to_owned());
        assert_eq!(list(&api, kind.collection, kind.list_member, 100).await, expected, "{}", kind.key);
        assert_eq!(list(&api, kind.collection, kind.list_member, 2).await, expected, "{}", kind.key);
        assert_eq!(list(&api, kind.collection, kind.list_member, 1).await, expected, "{}", kind.key);
    }
}

/// The whole list, read in pages of `limit`.
async fn list(api: &Api, collection: &str, member: &str, limit: usize) -> Vec<Value> {
    let mut entries = Vec::new();
    let mut token = String::new();
    loop {
        let page = api.get(&format!("{collection}?limit={limit}{token}")).await.ok();
        let listed = page[member].as_array().unwrap();
        assert!(listed.len() <= limit);
        entries.extend(listed.iter().cloned());
        match page["nextToken"].as_str() {
            Some(next) => token = format!("&nextToken={next}"),
            None => return entries,
        }
    }
}

/// What a list says of a described resource: names and metadata in one, without the rest.
fn as_listed(mut described: Value, name_member: &str) -> Value {
    let described = described.as_object_mut().unwrap();
    assert!(described.contains_key(name_member));
    let metadata = described.remove("metadata").unwrap();
    described.remove("spec").unwrap();
    described.remove("status").unwrap();
    let kept = metadata.as_object().unwrap().clone().into_iter().filter(|(member, _)| member != "uid");
    described.extend(kept);
    Value::Object(described.clone())
}

#[tokio::test]
async fn a_page_is_asked_for_properly() {
    let api = Api::with_mesh().await;
    let nodes = Kind::by_key("virtualNode");
    for name in ["a", "b"] {
        api.put(nodes.collection, nodes.body(name, &json!({}))).await.ok();
    }
    for limit in ["0", "101", "-1", "many"] {
        let message = api.get(&format!("{}?limit={limit}", nodes.collection)).await.fault(400, "BadRequestException");
        assert_eq!(message, format!("`limit`: `{limit}` is not allowed: 1 to 100"));
    }
    let page = api.get(&format!("{}?limit=1", nodes.collection)).await.ok();
    let token = page["nextToken"].as_str().unwrap();
    for foreign in ["/meshes", "/meshes/m/virtualRouters"] {
        let answer = api.get(&format!("{foreign}?nextToken={token}")).await;
        assert_eq!(answer.fault(400, "BadRequestException"), "`nextToken`: is not a token of this list");
    }
    api.get("/meshes?nextToken=nonsense").await.fault(400, "BadRequestException");
}

#[tokio::test]
async fn a_data_plane_is_told_of_each_change() {
    let api = Api::with_mesh().await;
    let mut generations = api.store.subscribe();
    let before = *generations.borrow_and_update();
    let node = Kind::by_key("virtualNode");
    api.put(node.collection, node.body("n", &json!({}))).await.ok();
    assert!(generations.has_changed().unwrap());
    assert_eq!(*generations.borrow_and_update(), before + 1);
    assert_eq!(api.store.snapshot().generation, before + 1);
    assert!(api.store.snapshot().meshes["m"].virtual_nodes.contains_key("n"));
    api.put(node.collection, node.body("n", &json!({}))).await.fault(409, "ConflictException");
    api.get(&node.item("n")).await.ok();
    assert!(!generations.has_changed().unwrap());
    api.delete(&node.item("n")).await.ok();
    assert!(!api.store.snapshot().meshes["m"].virtual_nodes.contains_key("n"));
}
