#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;
use crate::{
    aws::wire::{asked, replay},
    fakes::{canary_plan, live},
    split::Weight,
};

pub(super) fn service(protocol: Protocol) -> Service {
    Service { protocol, ..canary_plan().service }
}

fn half() -> Split {
    Split::between("web-aaa", "web-bbb", Weight::new(50).unwrap())
}

/// What the route has in the answers below.
fn stable() -> LiveRoute {
    live(&[("web-aaa", 100)])
}

/// An answer of the App Mesh API about a thing with these names and this spec.
fn described(names: Value, spec: &Value) -> String {
    let mut answer = json!({"meshName": "demo", "spec": spec, "status": {"status": "ACTIVE"},
        "metadata": {"arn": "arn:aws:appmesh:us-west-2:000000000000:mesh/demo", "createdAt": 1_763_690_000.5,
            "lastUpdatedAt": 1_763_690_000.5, "meshOwner": "000000000000", "resourceOwner": "000000000000", "uid": "u",
            "version": 3}});
    answer.as_object_mut().unwrap().extend(names.as_object().unwrap().clone());
    answer.to_string()
}

pub(super) fn described_route(spec: &Value) -> String {
    described(json!({"virtualRouterName": "web-vr", "routeName": "web-route"}), spec)
}

fn refusal_answer(code: &str) -> String {
    json!({"__type": code, "message": "because"}).to_string()
}

/// Routes with everything on them that a user may have set.
fn rich_routes() -> Vec<(&'static str, Value)> {
    let targets = json!([{"virtualNode": "web-aaa", "weight": 100, "port": 8080}]);
    let http = json!({
        "match": {"prefix": "/api", "method": "POST", "scheme": "https", "port": 8080,
            "headers": [{"name": "x-team", "invert": true, "match": {"exact": "blue"}}],
            "queryParameters": [{"name": "beta", "match": {"exact": "1"}}]},
        "retryPolicy": {"maxRetries": 2, "perRetryTimeout": {"unit": "ms", "value": 2000},
            "httpRetryEvents": ["server-error", "gateway-error"], "tcpRetryEvents": ["connection-error"]},
        "timeout": {"idle": {"unit": "s", "value": 30}, "perRequest": {"unit": "s", "value": 5}},
        "action": {"weightedTargets": targets},
    });
    let grpc = json!({
        "match": {"serviceName": "shop.Cart", "methodName": "Add",
            "metadata": [{"name": "tenant", "match": {"prefix": "a"}}]},
        "retryPolicy": {"maxRetries": 1, "perRetryTimeout": {"unit": "ms", "value": 500},
            "grpcRetryEvents": ["unavailable"]},
        "timeout": {"perRequest": {"unit": "s", "value": 5}},
        "action": {"weightedTargets": targets},
    });
    let tcp = json!({"match": {"port": 8080}, "timeout": {"idle": {"unit": "ms", "value": 2000}},
        "action": {"weightedTargets": targets}});
    vec![("httpRoute", http.clone()), ("http2Route", http), ("grpcRoute", grpc), ("tcpRoute", tcp)]
}

/// Promise 2.
#[tokio::test]
async fn only_the_weights_change_on_a_route_of_any_kind() {
    for (kind, route) in rich_routes() {
        let mut spec = json!({"priority": 7});
        spec[kind] = route;
        let answer = described_route(&spec);
        let (config, http) = replay(&[(200, answer.as_bytes()), (200, answer.as_bytes())]);
        AppMesh::new(&config).set_split(&service(Protocol::Http), &stable(), &half()).await.unwrap();

        let (method, path, body) = asked(&http).remove(1);
        assert_eq!(method, "PUT");
        assert_eq!(path, "/v20190125/meshes/demo/virtualRouter/web-vr/routes/web-route");
        let mut sent: Value = serde_json::from_str(&body).unwrap();
        let targets = sent["spec"][kind]["action"]["weightedTargets"].take();
        assert_eq!(
            targets,
            json!([{"virtualNode": "web-aaa", "weight": 50, "port": 8080},
                {"virtualNode": "web-bbb", "weight": 50, "port": 8080}]),
            "{kind}"
        );
        spec[kind]["action"]["weightedTargets"].take();
        assert_eq!(sent["spec"], spec, "{kind}");
    }
}

#[tokio::test]
async fn a_route_that_changed_since_it_was_read_is_left_alone() {
    let answer = described_route(&json!({"httpRoute": rich_routes()[0].1}));
    for decided_on in [&[("web-aaa", 90), ("web-ccc", 10)][..], &[("web-aaa", 99)], &[]] {
        let (config, http) = replay(&[(200, answer.as_bytes())]);
        let router = AppMesh::new(&config);
        let error = router.set_split(&service(Protocol::Http), &live(decided_on), &half()).await.unwrap_err();
        assert_eq!(error.name(), "Canary.Conflict", "so it is looked at again");
        assert!(error.chain().ends_with("and a moment later `web-aaa`: 100"), "{}", error.chain());
        assert_eq!(http.actual_requests().count(), 1, "nothing was written");
    }
}

#[tokio::test]
async fn a_first_route_is_of_the_services_protocol() {
    let cases = [
        (Protocol::Http, "httpRoute", json!({"prefix": "/"})),
        (Protocol::Http2, "http2Route", json!({"prefix": "/"})),
        (Protocol::Grpc, "grpcRoute", json!({})),
        (Protocol::Tcp, "tcpRoute", Value::Null),
    ];
    for (protocol, kind, matches) in cases {
        let answer = described_route(&json!({}));
        let (config, http) = replay(&[(200, answer.as_bytes())]);
        AppMesh::new(&config).create(&service(protocol), &Split::all_on("web-bbb")).await.unwrap();
        let sent: Value = serde_json::from_str(&asked(&http)[0].2).unwrap();
        assert_eq!(sent["spec"][kind]["action"]["weightedTargets"], json!([{"virtualNode": "web-bbb", "weight": 100}]));
        assert_eq!(sent["spec"][kind]["match"], matches, "{kind}");
    }
}

#[tokio::test]
async fn a_route_that_is_not_there_is_no_error_to_read_or_remove() {
    let answer = refusal_answer("NotFoundException");
    let (config, _) = replay(&[(404, answer.as_bytes()), (404, answer.as_bytes())]);
    let router = AppMesh::new(&config);
    assert_eq!(router.route(&service(Protocol::Http)).await.unwrap(), None);
    router.remove(&service(Protocol::Http)).await.unwrap();
}

#[tokio::test]
async fn every_route_of_the_router_that_names_a_version_is_found() {
    let listed = |name: &str| {
        json!({"meshName": "demo", "virtualRouterName": "web-vr", "routeName": name, "arn": "a", "version": 1,
            "createdAt": 1.0, "lastUpdatedAt": 1.0, "meshOwner": "0", "resourceOwner": "0"})
    };
    let pages = [
        json!({"routes": [listed("web-route")], "nextToken": "more"}).to_string(),
        described_route(
            &json!({"tcpRoute": {"action": {"weightedTargets": [{"virtualNode": "web-bbb", "weight": 100}]}}}),
        ),
        json!({"routes": [listed("beta")]}).to_string(),
        described_route(
            &json!({"tcpRoute": {"action": {"weightedTargets": [{"virtualNode": "web-aaa", "weight": 0}]}}}),
        ),
    ];
    let (config, _) = replay(&pages.each_ref().map(|page| (200, page.as_bytes())));
    let found = AppMesh::new(&config).naming(&service(Protocol::Tcp), "web-aaa").await.unwrap();
    assert_eq!(found, ["beta"], "a weight of 0 is named too");
}

#[tokio::test]
async fn without_a_router_nothing_exists_and_no_route_names_anything() {
    let answer = refusal_answer("NotFoundException");
    let (config, _) = replay(&[(404, answer.as_bytes()), (404, answer.as_bytes())]);
    let router = AppMesh::new(&config);
    assert_eq!(
        router.listens("demo", "web").await.unwrap(),
        Listening::Nowhere("mesh `demo` has no virtual router `web-vr` (because)".to_owned())
    );
    assert_eq!(router.naming(&service(Protocol::Http), "web-aaa").await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_router_takes_the_protocols_of_its_listeners() {
    let listening =
        |listeners: Value| described(json!({"virtualRouterName": "web-vr"}), &json!({"listeners": listeners}));
    let two = listening(json!([{"portMapping": {"port": 80, "protocol": "http2"}},
        {"portMapping": {"port": 81, "protocol": "tcp"}}]));
    let (config, http) = replay(&[(200, two.as_bytes()), (200, listening(json!([])).as_bytes())]);
    let router = AppMesh::new(&config);
    let found = router.listens("demo", "web").await.unwrap();
    assert_eq!(found, Listening::For(vec![Protocol::Http2, Protocol::Tcp]));
    assert_eq!(router.listens("demo", "web").await.unwrap(), Listening::For(Vec::new()));
    assert_eq!(asked(&http)[0].1, "/v20190125/meshes/demo/virtualRouters/web-vr");
}

#[tokio::test]
async fn the_namespace_of_a_version_is_where_it_is_discovered() {
    let cases = [
        (json!({"awsCloudMap": {"namespaceName": "demo.local", "serviceName": "web-aaa"}}), Some("demo.local")),
        (json!({"dns": {"hostname": "web-aaa.demo.local"}}), Some("demo.local")),
        (json!({"dns": {"hostname": "web.elsewhere.example"}}), None),
        (Value::Null, None),
    ];
    for (discovery, namespace) in cases {
        let answer = described(json!({"virtualNodeName": "web-aaa"}), &json!({"serviceDiscovery": discovery}));
        let (config, http) = replay(&[(200, answer.as_bytes())]);
        let found = AppMesh::new(&config).namespace(&service(Protocol::Http), "web-aaa").await.unwrap();
        assert_eq!(found.as_deref(), namespace, "{answer}");
        assert_eq!(asked(&http)[0].1, "/v20190125/meshes/demo/virtualNodes/web-aaa");
    }
    let (config, _) = replay(&[(404, refusal_answer("NotFoundException").as_bytes())]);
    assert_eq!(AppMesh::new(&config).namespace(&service(Protocol::Http), "web-aaa").await.unwrap(), None);
}

#[tokio::test]
async fn refusals_are_told_apart_by_what_can_be_done_about_them() {
    let cases = [
        (409, "ConflictException", "Canary.Conflict"),
        (403, "ForbiddenException", "Canary.AccessDenied"),
        (403, "AccessDeniedException", "Canary.AccessDenied"),
        (429, "TooManyRequestsException", "Canary.Unavailable"),
        (503, "ServiceUnavailableException", "Canary.Unavailable"),
        (500, "InternalServerErrorException", "Canary.Unavailable"),
        (500, "SomethingNewException", "Canary.Unavailable"),
        (400, "BadRequestException", "Canary.Rejected"),
    ];
    for (status, code, name) in cases {
        let (found, refused) = (described_route(&json!({"httpRoute": rich_routes()[0].1})), refusal_answer(code));
        let (config, _) = replay(&[(200, found.as_bytes()), (status, refused.as_bytes())]);
        let error = AppMesh::new(&config).set_split(&service(Protocol::Http), &stable(), &half()).await.unwrap_err();
        assert_eq!(error.name(), name, "{code}");
        assert_eq!(error.chain(), format!("UpdateRoute of `web-route` failed: {code}: because"));
    }
}

#[tokio::test]
async fn an_answer_that_is_none_of_the_services_is_worth_another_try() {
    let (config, _) = replay(&[(502, b"<html>bad gateway</html>")]);
    let error = AppMesh::new(&config).route(&service(Protocol::Http)).await.unwrap_err();
    assert_eq!(error.name(), "Canary.Unavailable");
}
