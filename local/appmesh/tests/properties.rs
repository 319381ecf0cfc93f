//! Whatever is sent: no panic, and what is stored keeps its bounds.
#![allow(clippy::unwrap_used)]

mod support;

use std::cell::Cell;

use axum::http::Method;
use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseResult, TestRunner},
};
use serde_json::{Value, json};
use support::Api;

/// Few names, so that requests meet each other's resources.
fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["m", "node", "router"])
}

fn weights() -> impl Strategy<Value = Vec<i64>> {
    prop::collection::vec(prop_oneof![9 => 0..=20i64, 1 => -20..=120i64], 0..12)
}

fn route_spec() -> impl Strategy<Value = Value> {
    let kind = prop::sample::select(vec!["httpRoute", "http2Route", "grpcRoute", "tcpRoute", "udpRoute"]);
    let matching = prop_oneof![8 => Just(json!({"prefix": "/"})), 1 => Just(json!({"prefix": "x"})), 1 => any_json()];
    (kind, weights(), name(), matching).prop_map(|(kind, weights, node, matching)| {
        let targets: Vec<Value> = weights.iter().map(|w| json!({"virtualNode": node, "weight": w})).collect();
        json!({kind: {"match": matching, "action": {"weightedTargets": targets}}})
    })
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let members = prop::sample::select(vec!["spec", "listeners", "httpRoute", "match", "dns", "tags", "key"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::hash_map(members, inner, 0..3)
                .prop_map(|map| map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

/// A request: method, path, body.
fn request() -> impl Strategy<Value = (Method, String, String)> {
    let token = prop::option::weighted(0.3, prop::sample::select(vec!["t1", "t2"]));
    let body = (name(), prop_oneof![3 => route_spec(), 2 => Just(json!({})), 1 => any_json()], token).prop_map(
        |(name, spec, token)| {
            json!({"meshName": name, "virtualNodeName": name, "virtualRouterName": name, "routeName": name,
               "spec": spec, "clientToken": token})
        },
    );
    let body = prop_oneof![9 => body, 1 => any_json()].prop_map(|body| body.to_string());
    let body = prop_oneof![19 => body, 1 => ".{0,20}"];
    let routes = "/meshes/m/virtualRouter/router/routes";
    let path = prop_oneof![
        4 => Just(routes.to_owned()),
        2 => name().prop_map(move |name| format!("{routes}/{name}")),
        1 => Just("/meshes".to_owned()),
        1 => name().prop_map(|mesh| format!("/meshes/{mesh}")),
        1 => name().prop_map(|mesh| format!("/meshes/{mesh}/virtualNodes")),
        1 => (name(), name()).prop_map(|(mesh, node)| format!("/meshes/{mesh}/virtualNodes/{node}")),
        1 => name().prop_map(|mesh| format!("/meshes/{mesh}/virtualRouters")),
    ];
    let method = prop_oneof![6 => Just(Method::PUT), 1 => Just(Method::GET), 1 => Just(Method::DELETE)];
    (method, path, body)
}

/// Tries `property` on as many inputs as `PROPTEST_CASES` says, 256 unless told, each on a mesh of its own, and prints how many.
fn tried<S: Strategy>(name: &str, inputs: S, property: impl AsyncFn(Api, S::Value) -> TestCaseResult) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let count = Cell::new(0_u64);
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&inputs, |input| {
        count.set(count.get() + 1);
        runtime.block_on(async { property(Api::with_mesh().await, input).await })
    });
    outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
    println!("fuzz: {} inputs: {name}", count.get());
}

#[test]
fn stored_weights_keep_their_bounds() {
    tried("series of requests to the mesh", prop::collection::vec(request(), 1..30), async |api, requests| {
        for (method, path, body) in requests {
            let answer = api.send(method, &path, body).await;
            prop_assert!(answer.status.is_success() || answer.body["message"].is_string());
            check_routes(&api)?;
        }
        Ok(())
    });
}

#[test]
fn any_text_gets_an_answer_of_app_mesh_and_no_panic() {
    let path = "(/(meshes|virtualRouters|routes|m|router|tags|%00|%FF|\\.\\.|[!-~]{0,4})){0,6}";
    let query = prop_oneof![3 => "", 1 => "\\?[!-~]{0,30}"];
    let body = prop_oneof![
        any_json().prop_map(|body| body.to_string().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..80)
    ];
    let uri = (path, query).prop_map(|(path, query)| path + &query);
    let uri = uri.prop_filter("a request line", |path| format!("/v20190125{path}").parse::<axum::http::Uri>().is_ok());
    let method = prop::sample::select(vec![Method::PUT, Method::GET, Method::DELETE, Method::POST]);
    tried("requests of any text to the mesh", (method, uri, body), async |api, (method, path, body)| {
        let answer = api.send(method, &path, body).await;
        prop_assert!(answer.status.as_u16() < 500, "{answer:?}");
        prop_assert!(answer.status.is_success() || answer.body["message"].is_string(), "{answer:?}");
        Ok(())
    });
}

/// Routes of every kind, with matches that have nothing in them which App Mesh would leave out.
fn complete_spec() -> impl Strategy<Value = Value> {
    let kinds = [
        ("httpRoute", json!({"prefix": "/"})),
        ("http2Route", json!({"prefix": "/x", "method": "GET"})),
        ("grpcRoute", json!({"serviceName": "s"})),
        ("tcpRoute", json!({"port": 80})),
    ];
    (prop::sample::select(kinds.to_vec()), weights(), name()).prop_map(|((kind, matching), weights, node)| {
        let targets: Vec<Value> = weights.iter().map(|w| json!({"virtualNode": node, "weight": w})).collect();
        json!({kind: {"match": matching, "action": {"weightedTargets": targets}}})
    })
}

#[test]
fn what_is_stored_is_what_was_sent() {
    tried("route documents to the mesh", complete_spec(), async |api, spec| {
        let routes = "/meshes/m/virtualRouter/router/routes";
        let made = api.put(routes, json!({"routeName": "r", "spec": spec.clone()})).await;
        if made.status.is_success() {
            prop_assert_eq!(&made.body["spec"], &spec);
            prop_assert_eq!(&api.get(&format!("{routes}/r")).await.body["spec"], &spec);
            let same = api.put(&format!("{routes}/r"), json!({"spec": spec.clone()})).await;
            prop_assert_eq!(&same.body["spec"], &spec);
        }
        Ok(())
    });
}

fn check_routes(api: &Api) -> Result<(), TestCaseError> {
    for mesh in api.store.snapshot().meshes.values() {
        for route in mesh.virtual_routers.values().flat_map(|router| router.routes.values()) {
            let targets = route.weighted_targets();
            prop_assert!((1..=10).contains(&targets.len()));
            prop_assert!(targets.iter().all(|target| (0..=100).contains(&target.weight.get())));
            let total: i64 = targets.iter().map(|target| target.weight.get()).sum();
            prop_assert!((1..=100).contains(&total));
            prop_assert!(targets.iter().all(|target| mesh.virtual_nodes.contains_key(target.virtual_node.as_str())));
        }
    }
    Ok(())
}
