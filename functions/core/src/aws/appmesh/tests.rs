#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicUsize, Ordering};

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

/// The candidate's node, which listens on this port.
fn listening_on(port: u16) -> String {
    described(
        json!({"virtualNodeName": "web-bbb"}),
        &json!({"listeners": [{"portMapping": {"port": port, "protocol": "http"}}]}),
    )
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
        let (answer, node) = (described_route(&spec), listening_on(8080));
        let (config, http) = replay(&[(200, answer.as_bytes()), (200, node.as_bytes()), (200, answer.as_bytes())]);
        AppMesh::new(&config).set_split(&service(Protocol::Http), &stable(), &half()).await.unwrap();

        let (method, path, body) = asked(&http).remove(2);
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

/// An item of a list of the App Mesh API.
fn listed(names: Value) -> Value {
    let mut item = json!({"meshName": "demo", "arn": "a", "version": 1, "createdAt": 1.0, "lastUpdatedAt": 1.0,
        "meshOwner": "0", "resourceOwner": "0"});
    item.as_object_mut().unwrap().extend(names.as_object().unwrap().clone());
    item
}

fn listed_routes(router: &str, names: &[&str]) -> String {
    let items = names.iter().map(|name| listed(json!({"virtualRouterName": router, "routeName": name})));
    json!({"routes": items.collect::<Vec<_>>()}).to_string()
}

fn tcp_route(node: &str, weight: u8) -> String {
    described_route(&json!({"tcpRoute": {"action": {"weightedTargets": [{"virtualNode": node, "weight": weight}]}}}))
}

fn version(name: &str) -> Version {
    service(Protocol::Http).version(name.strip_prefix("web-").unwrap())
}

/// Promise 7.
#[tokio::test]
async fn everything_in_the_mesh_that_sends_traffic_to_a_version_is_found() {
    let routers = ["shop-vr", "web-vr"].map(|name| listed(json!({"virtualRouterName": name})));
    let services = ["a.local", "b.local"].map(|name| listed(json!({"virtualServiceName": name})));
    let provided = |by: Value| described(json!({"virtualServiceName": "x"}), &json!({"provider": by}));
    let pages = [
        json!({"virtualRouters": [routers[0]], "nextToken": "more"}).to_string(),
        json!({"virtualRouters": [routers[1]]}).to_string(),
        listed_routes("shop-vr", &["to-web"]),
        tcp_route("web-aaa", 1),
        listed_routes("web-vr", &["web-route", "beta"]),
        tcp_route("web-bbb", 100),
        tcp_route("web-aaa", 0),
        json!({"virtualServices": services}).to_string(),
        provided(json!({"virtualRouter": {"virtualRouterName": "web-vr"}})),
        provided(json!({"virtualNode": {"virtualNodeName": "web-aaa"}})),
    ];
    let (config, _) = replay(&pages.each_ref().map(|page| (200, page.as_bytes())));
    let found = AppMesh::new(&config).routes_targeting(&service(Protocol::Tcp), &version("web-aaa")).await.unwrap();
    assert_eq!(found, ["shop-vr/to-web", "beta", "virtual service b.local"], "a weight of 0 counts too");
}

#[tokio::test]
async fn names_are_read_in_their_order_and_the_more_there_are_the_more_at_a_time() {
    for (names, at_once) in [(1, 1), (16, 1), (17, 2), (200, 8)] {
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let read = async |name: String| {
            most.fetch_max(running.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            running.fetch_sub(1, Ordering::Relaxed);
            Ok(name)
        };
        let all: Vec<String> = (0..names).map(|name| name.to_string()).collect();
        assert_eq!(mesh::of_each(all.clone(), read).await.unwrap(), all);
        assert_eq!(most.into_inner(), at_once, "{names} names");
    }
}

#[tokio::test]
async fn without_a_mesh_nothing_targets_anything() {
    let answer = refusal_answer("NotFoundException");
    let (config, _) = replay(&[(404, answer.as_bytes()), (404, answer.as_bytes())]);
    let found = AppMesh::new(&config).routes_targeting(&service(Protocol::Http), &version("web-aaa")).await.unwrap();
    assert_eq!(found, Vec::<String>::new());
}

#[tokio::test]
async fn a_new_target_beside_targets_with_ports_gets_the_port_that_its_node_listens_on() {
    let route = described_route(&json!({"httpRoute": rich_routes()[0].1}));
    let node = listening_on(9090);
    let (config, http) = replay(&[(200, route.as_bytes()), (200, node.as_bytes()), (200, route.as_bytes())]);
    AppMesh::new(&config).set_split(&service(Protocol::Http), &stable(), &half()).await.unwrap();
    let sent: Value = serde_json::from_str(&asked(&http)[2].2).unwrap();
    assert_eq!(
        sent["spec"]["httpRoute"]["action"]["weightedTargets"],
        json!([{"virtualNode": "web-aaa", "weight": 50, "port": 8080}, {"virtualNode": "web-bbb", "weight": 50, "port": 9090}])
    );
}

fn first() -> Deployment {
    Deployment::First { candidate: version("web-bbb") }
}

fn canary() -> Deployment {
    canary_plan().deployment
}

fn router_with(listeners: Value) -> String {
    described(json!({"virtualRouterName": "web-vr"}), &json!({"listeners": listeners}))
}

fn node_in(discovery: Value) -> String {
    described(json!({"virtualNodeName": "web-aaa"}), &json!({"serviceDiscovery": discovery}))
}

fn namespaces(names: &[&str]) -> String {
    let items = names.iter().map(|name| json!({"Id": "ns-1", "Name": name, "Type": "DNS_PRIVATE"}));
    json!({"Namespaces": items.collect::<Vec<_>>()}).to_string()
}

/// What `preflight` says for these answers of AWS.
async fn preflight(deployment: Deployment, answers: &[&str]) -> Vec<String> {
    let answers: Vec<_> = answers.iter().map(|body| (200, body.as_bytes())).collect();
    let (config, http) = replay(&answers);
    let problems = AppMesh::new(&config).preflight(&service(Protocol::Http), &deployment).await.unwrap();
    assert_eq!(http.actual_requests().count(), answers.len());
    problems.iter().map(|problem| format!("{}: {problem}", problem.name())).collect()
}

#[tokio::test]
async fn a_service_without_a_router_is_refused() {
    let answer = refusal_answer("NotFoundException");
    let (config, _) = replay(&[(404, answer.as_bytes())]);
    let problems = AppMesh::new(&config).preflight(&service(Protocol::Http), &first()).await.unwrap();
    assert_eq!(
        problems[0].to_string(),
        "`MicroserviceName` is `web`: mesh `demo` has no virtual router `web-vr`; allowed is a service whose pipeline stack \
         is deployed"
    );
}

/// Promise 15.
#[tokio::test]
async fn every_problem_is_told_at_once() {
    let two =
        json!([{"portMapping": {"port": 80, "protocol": "http2"}}, {"portMapping": {"port": 81, "protocol": "tcp"}}]);
    let told = preflight(
        first(),
        &[
            &router_with(two),
            &namespaces(&["shop.local"]),
            &listed_routes("web-vr", &["to-web", "empty"]),
            &tcp_route("web-old", 100),
            &described_route(&json!({})),
        ],
    )
    .await;
    assert_eq!(
        told,
        [
            "Canary.InvalidInput: `Protocol` is `http`: allowed is what the router of `web` listens for, `http2` or `tcp`",
            "Canary.InvalidInput: `Namespace` is `demo.local`: allowed is a Cloud Map namespace that exists: `shop.local`",
            "Canary.UnexpectedRoute: route of `web` is not this deployment's to change: there is no `web-route`, and \
             `to-web` on the same router has `web-old`: 100; a first deployment would take that traffic at once: name the \
             route `web-route`, or remove it",
        ]
    );
}

#[tokio::test]
async fn a_router_without_listeners_takes_every_protocol() {
    let told =
        preflight(first(), &[&router_with(json!([])), &namespaces(&["demo.local"]), &listed_routes("web-vr", &[])])
            .await;
    assert_eq!(told, Vec::<String>::new());
}

#[tokio::test]
async fn a_canarys_namespace_is_the_live_versions_unless_that_one_does_not_exist() {
    let router = router_with(json!([]));
    let map = |namespace: &str| json!({"awsCloudMap": {"namespaceName": namespace, "serviceName": "web-aaa"}});
    let same = [map("demo.local"), json!({"dns": {"hostname": "web-aaa.demo.local"}})];
    for discovery in same {
        assert_eq!(preflight(canary(), &[&router, &node_in(discovery)]).await, Vec::<String>::new());
    }
    let both = namespaces(&["demo.local", "shop.local"]);
    let told = preflight(canary(), &[&router, &node_in(map("shop.local")), &both]).await;
    let refused = "Canary.InvalidInput: `Namespace` is `demo.local`: allowed is the namespace of the live version `web-aaa`, \
                   `shop.local`";
    assert_eq!(told, [refused]);
    for discovery in [map("demo.locl"), json!({"dns": {"hostname": "web.elsewhere.example"}}), Value::Null] {
        assert_eq!(preflight(canary(), &[&router, &node_in(discovery), &both]).await, Vec::<String>::new());
    }
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
        let node = listening_on(8080);
        let (config, _) = replay(&[(200, found.as_bytes()), (200, node.as_bytes()), (status, refused.as_bytes())]);
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
