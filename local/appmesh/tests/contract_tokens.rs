//! Client tokens: a repeated request is answered, not done, again.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{Api, KINDS, Kind, accepted, http_route};

fn with_token(mut body: Value, token: &str) -> Value {
    body["clientToken"] = json!(token);
    body
}

#[tokio::test]
async fn the_same_request_gets_the_same_answer() {
    for kind in KINDS {
        let api = Api::with_mesh().await;
        let spec = &accepted()[kind.key][0];
        let create = with_token(kind.body("x", spec), "token-1");
        let created = api.put(kind.collection, create.clone()).await.ok();
        assert_eq!(api.put(kind.collection, create.clone()).await.ok(), created);
        let update = with_token(json!({ "spec": spec }), "token-2");
        let updated = api.put(&kind.item("x"), update.clone()).await.ok();
        assert_eq!(api.put(&kind.item("x"), update.clone()).await.ok(), updated);
        assert_eq!(api.get(&kind.item("x")).await.ok()["metadata"]["version"], 2);
        api.put(&kind.item("x"), with_token(update, "token-3")).await.ok();
        assert_eq!(api.get(&kind.item("x")).await.ok()["metadata"]["version"], 3);
    }
}

#[tokio::test]
async fn a_token_stands_for_one_request() {
    let api = Api::with_routes().await;
    let route = Kind::by_key("route");
    let shift = |weight| with_token(json!({"spec": http_route(&[("node", weight)])}), "token");
    api.put(&route.item("route"), shift(10)).await.ok();
    let message = api.put(&route.item("route"), shift(20)).await.fault(409, "ConflictException");
    assert_eq!(message, "client token `token` was used for another request");
    let create = with_token(route.body("other", &http_route(&[("node", 10)])), "token");
    api.put(route.collection, create).await.fault(409, "ConflictException");
}

#[tokio::test]
async fn a_refused_request_does_not_use_its_token_up() {
    let api = Api::with_mesh().await;
    let route = Kind::by_key("route");
    let create = with_token(route.body("r", &http_route(&[("later", 1)])), "token");
    api.put(route.collection, create.clone()).await.fault(404, "NotFoundException");
    let nodes = Kind::by_key("virtualNode");
    api.put(nodes.collection, nodes.body("later", &json!({}))).await.ok();
    api.put(route.collection, create).await.ok();
}

#[tokio::test]
async fn a_deleted_resource_can_be_created_with_the_same_token() {
    let api = Api::new();
    let create = with_token(json!({"meshName": "x"}), "token");
    api.put("/meshes", create.clone()).await.ok();
    api.delete("/meshes/x").await.ok();
    api.put("/meshes", create).await.ok();
    api.get("/meshes/x").await.ok();
}

#[tokio::test]
async fn a_token_is_up_to_36_letters_digits_hyphens_and_underscores() {
    let api = Api::new();
    for token in ["", "a b", "ü", &"x".repeat(37)] {
        let create = with_token(json!({"meshName": "x"}), token);
        let message = api.put("/meshes", create).await.fault(400, "BadRequestException");
        assert!(message.starts_with("`clientToken`: "), "{message}");
    }
    api.put("/meshes", with_token(json!({"meshName": "x"}), &"x".repeat(36))).await.ok();
}
