//! Specifications on the wire: what is given comes back, and what is out of bounds is refused.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{Api, KINDS, Kind, accepted};

/// `tests/specs/accepted.json` was made from the API model: every member occurs, every variant of a union,
/// every value of an enumeration, numbers at both bounds.
#[tokio::test]
async fn every_member_of_the_model_comes_back_as_given() {
    let api = Api::with_mesh().await;
    let accepted = accepted();
    for kind in KINDS {
        for (index, spec) in accepted[kind.key].as_array().unwrap().iter().enumerate() {
            let name = format!("rich-{index}");
            let created = api.put(kind.collection, kind.body(&name, spec)).await.ok();
            assert_eq!(created["spec"], *spec, "{} {index} created", kind.key);
            let described = api.get(&kind.item(&name)).await.ok();
            assert_eq!(described, created, "{} {index} described", kind.key);
            let updated = api.put(&kind.item(&name), json!({ "spec": spec })).await.ok();
            assert_eq!(updated["spec"], *spec, "{} {index} updated", kind.key);
        }
    }
}

#[tokio::test]
async fn the_data_plane_sees_the_same_specification() {
    let api = Api::with_mesh().await;
    let spec = &accepted()["route"][0];
    let route = Kind::by_key("route");
    api.put(route.collection, route.body("rich", spec)).await.ok();
    let snapshot = api.store.snapshot();
    let typed = &snapshot.meshes["m"].virtual_routers["router"].routes["rich"];
    assert_eq!(serde_json::to_value(typed).unwrap(), *spec);
    assert_eq!(typed.weighted_targets()[0].weight.get(), 50);
}

#[tokio::test]
async fn unknown_members_are_dropped_and_null_is_absent() {
    let api = Api::with_mesh().await;
    let spec = json!({"listeners": [], "backends": null, "novelty": {"of": "a later model"}});
    let node = Kind::by_key("virtualNode");
    let created = api.put(node.collection, node.body("n", &spec)).await.ok();
    assert_eq!(created["spec"], json!({"listeners": []}));
}

/// `tests/specs/refused.json` was made from the API model's `required`, `min`, `max` and `enum`, and from its
/// types: each case breaks one of them in an accepted specification. The message must name the member.
#[tokio::test]
async fn every_constraint_of_the_model_is_kept() {
    let api = Api::with_mesh().await;
    let accepted = accepted();
    let cases: Vec<Value> = serde_json::from_str(include_str!("specs/refused.json")).unwrap();
    assert!(cases.len() > 250);
    for case in cases {
        let kind = Kind::by_key(case["kind"].as_str().unwrap());
        let mut spec = accepted[kind.key][case["document"].as_u64().unwrap() as usize].clone();
        let member = break_it(&mut spec, &case);
        let answer = api.put(kind.collection, kind.body("broken", &spec)).await;
        let message = answer.fault(400, "BadRequestException");
        assert!(message.starts_with(&format!("`{member}`: ")), "{case}: {message}");
    }
    assert_eq!(api.get("/meshes").await.ok()["meshes"].as_array().unwrap().len(), 1);
}

/// Changes the member that the case is about, and answers the path that the refusal must name.
fn break_it(spec: &mut Value, case: &Value) -> String {
    let pointer = case["pointer"].as_str().unwrap();
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    if case["absent"] == true {
        spec.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(member).unwrap();
        return dotted(parent);
    }
    let value = spec.pointer_mut(pointer).unwrap();
    match case["length"].as_u64() {
        None => *value = case["value"].clone(),
        Some(length) => match value.as_array() {
            Some(elements) => *value = vec![elements[0].clone(); length as usize].into(),
            None => *value = "x".repeat(length as usize).into(),
        },
    }
    dotted(pointer)
}

fn dotted(pointer: &str) -> String {
    pointer.split('/').skip(1).fold("spec".to_owned(), |path, step| match step.parse::<usize>() {
        Ok(index) => format!("{path}[{index}]"),
        Err(_) => format!("{path}.{step}"),
    })
}

#[tokio::test]
async fn a_refusal_names_member_value_and_what_is_allowed() {
    let api = Api::with_mesh().await;
    let route = Kind::by_key("route");
    for (weight, expected) in [
        (json!(101), "`101` is not allowed: 0 to 100"),
        (json!(-1), "`-1` is not allowed: 0 to 100"),
        (json!("50"), "invalid type: string \"50\", expected i64"),
    ] {
        let mut spec = support::http_route(&[("node", 50)]);
        spec["httpRoute"]["action"]["weightedTargets"][0]["weight"] = weight;
        let message = api.put(route.collection, route.body("r", &spec)).await.fault(400, "BadRequestException");
        assert_eq!(message, format!("`spec.httpRoute.action.weightedTargets[0].weight`: {expected}"));
    }
}
