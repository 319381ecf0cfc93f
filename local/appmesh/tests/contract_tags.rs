//! Tags.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{Api, KINDS, accepted};

const MESH: &str = "arn%3Aaws%3Aappmesh%3Aus-west-2%3A000000000000%3Amesh%2Fm";

fn tags(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
}

async fn listed(api: &Api, arn: &str) -> Value {
    api.get(&format!("/tags?resourceArn={arn}")).await.ok()["tags"].clone()
}

#[tokio::test]
async fn every_kind_can_be_tagged() {
    for kind in KINDS {
        let api = Api::with_mesh().await;
        let mut body = kind.body("x", &accepted()[kind.key][0]);
        body["tags"] = tags(&[("team", "a"), ("stage", "")]);
        let arn = api.put(kind.collection, body).await.ok()["metadata"]["arn"].as_str().unwrap().to_owned();
        assert_eq!(listed(&api, &arn).await, tags(&[("stage", ""), ("team", "a")]));
        let added = json!({"tags": tags(&[("team", "b"), ("new", "n")])});
        assert_eq!(api.put(&format!("/tag?resourceArn={arn}"), added).await.ok(), Value::Null);
        assert_eq!(listed(&api, &arn).await, tags(&[("new", "n"), ("stage", ""), ("team", "b")]));
        let removed = json!({"tagKeys": ["team", "stage", "never"]});
        api.put(&format!("/untag?resourceArn={arn}"), removed).await.ok();
        assert_eq!(listed(&api, &arn).await, tags(&[("new", "n")]));
        assert_eq!(api.get(&kind.item("x")).await.ok()["metadata"]["version"], 1);
    }
}

#[tokio::test]
async fn at_most_fifty_tags() {
    let api = Api::with_mesh().await;
    let many = |from: usize, to: usize| -> Value {
        (from..to).map(|n| json!({"key": format!("k{n:02}"), "value": "v"})).collect()
    };
    let tag = format!("/tag?resourceArn={MESH}");
    api.put(&tag, json!({"tags": many(0, 51)})).await.fault(400, "BadRequestException");
    api.put(&tag, json!({"tags": many(0, 50)})).await.ok();
    api.put(&tag, json!({"tags": many(49, 51)})).await.fault(400, "TooManyTagsException");
    assert_eq!(listed(&api, MESH).await, many(0, 50));
    let page = api.get(&format!("/tags?resourceArn={MESH}&limit=20")).await.ok();
    let next = page["nextToken"].as_str().unwrap();
    assert_eq!(page["tags"], many(0, 20));
    let page = api.get(&format!("/tags?resourceArn={MESH}&limit=50&nextToken={next}")).await.ok();
    assert_eq!(page, json!({"tags": many(20, 50)}));
    api.get(&format!("/tags?resourceArn={MESH}&limit=51")).await.fault(400, "BadRequestException");
}

#[tokio::test]
async fn improper_tags_are_refused() {
    let api = Api::with_mesh().await;
    let tag = format!("/tag?resourceArn={MESH}");
    for refused in [
        tags(&[("aws:reserved", "v")]),
        tags(&[("", "v")]),
        tags(&[(&"k".repeat(129), "v")]),
        tags(&[("k", &"v".repeat(257))]),
        json!([{"key": "without value"}]),
    ] {
        let message = api.put(&tag, json!({"tags": refused})).await.fault(400, "BadRequestException");
        assert!(message.starts_with("`tags"), "{message}");
        let create = json!({"meshName": "other", "tags": refused});
        api.put("/meshes", create).await.fault(400, "BadRequestException");
    }
    assert_eq!(listed(&api, MESH).await, json!([]));
    api.get("/meshes/other").await.fault(404, "NotFoundException");
}

#[tokio::test]
async fn a_resource_is_named_by_its_arn() {
    let api = Api::with_mesh().await;
    let body = json!({"tags": [], "tagKeys": []});
    for operation in ["/tag", "/untag"] {
        api.put(operation, body.clone()).await.fault(400, "BadRequestException");
        api.put(&format!("{operation}?resourceArn=arn:none"), body.clone()).await.fault(404, "NotFoundException");
    }
    api.get("/tags").await.fault(400, "BadRequestException");
    api.get("/tags?resourceArn=arn:none").await.fault(404, "NotFoundException");
}
