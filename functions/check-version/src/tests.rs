#![allow(clippy::unwrap_used)]

use canary_core::{
    fakes::{State, World, live, ready, survives_every_fault},
    ports::Record,
    service::Protocol,
};
use serde_json::json;

use super::*;

/// `Resources: {}` and `Resources: !Broken`.
const TEMPLATE: &str = "UmVzb3VyY2VzOiB7fQo=";
const BROKEN: &str = "UmVzb3VyY2VzOiAhQnJva2VuCg==";

fn request() -> Value {
    json!({
        "EnvironmentName": "demo", "Namespace": "demo.local", "MicroserviceName": "web", "Protocol": "http",
        "Port": 80, "PercentageStep": 25, "WaitTime": 60, "Sha": "bbb", "ContainerImage": "web:bbb",
        "CanaryTemplate": TEMPLATE,
    })
}

async fn check(world: &World, request: Value) -> Result<Output> {
    handle(Input { request, execution: "arn:execution".to_owned() }, world, world, world, Pace::default()).await
}

fn version_aaa_is_live() -> State {
    State {
        routes: [("web-route".to_owned(), live(&[("web-aaa", 100)]))].into(),
        stacks: [ready("demo-web-aaa")].into(),
        record: Some(Record { sha: "aaa".into(), version: 7 }),
        ..State::default()
    }
}

#[tokio::test]
async fn the_plan_follows_from_what_is_live() {
    let output = check(&World::new(version_aaa_is_live()), request()).await.unwrap();
    assert_eq!(output.plan.version, 8);
    assert!(matches!(&output.plan.deployment, Deployment::Canary { stable, .. } if stable.name == "web-aaa"));
    assert_eq!(output.traffic.target, output.plan.weights.first().copied());
}

#[tokio::test]
async fn nothing_is_changed_whatever_fails() {
    let start = version_aaa_is_live();
    let end = survives_every_fault(&start, async |world: &World| check(world, request()).await).await;
    assert_eq!(end, start);
}

#[tokio::test]
async fn a_service_without_a_router_is_refused_before_anything_is_made() {
    let error = check(&World::new(State { no_router: true, ..State::default() }), request()).await.unwrap_err();
    assert_eq!(error.name(), "Canary.InvalidInput");
    assert_eq!(
        error.to_string(),
        "`MicroserviceName` is `web`: there is no router; allowed is a service whose pipeline stack is deployed"
    );
}

#[tokio::test]
async fn a_protocol_that_the_router_does_not_take_is_refused_for_a_first_version_and_for_a_canary() {
    for start in [State::default(), version_aaa_is_live()] {
        let takes = |protocols: &[Protocol]| World::new(State { protocols: protocols.to_vec(), ..start.clone() });
        let error = check(&takes(&[Protocol::Tcp, Protocol::Http2]), request()).await.unwrap_err();
        assert_eq!(error.name(), "Canary.InvalidInput");
        assert_eq!(
            error.to_string(),
            "`Protocol` is `http`: allowed is what the router of `web` listens for, `tcp` or `http2`"
        );
        check(&takes(&[Protocol::Tcp, Protocol::Http]), request()).await.unwrap();
    }
}

#[tokio::test]
async fn a_namespace_other_than_the_live_versions_is_refused() {
    let found_in = |namespace: &str| State { namespace: Some(namespace.to_owned()), ..version_aaa_is_live() };
    check(&World::new(found_in("demo.local")), request()).await.unwrap();
    let error = check(&World::new(found_in("shop.local")), request()).await.unwrap_err();
    assert_eq!(error.name(), "Canary.InvalidInput");
    assert_eq!(
        error.to_string(),
        "`Namespace` is `demo.local`: allowed is the namespace of the live version `web-aaa`, `shop.local`"
    );
}

#[tokio::test]
async fn bad_input_is_refused_before_aws_is_asked_anything() {
    let world = World::default();
    let mut bad = request();
    bad["PercentageStep"] = json!(0);
    assert_eq!(check(&world, bad).await.unwrap_err().name(), "Canary.InvalidInput");
    assert!(world.calls().is_empty(), "{:?}", world.calls());
}

#[tokio::test]
async fn a_template_that_cloudformation_refuses_is_bad_input() {
    let mut bad = request();
    bad["CanaryTemplate"] = json!(BROKEN);
    let error = check(&World::default(), bad).await.unwrap_err();
    assert_eq!(error.name(), "Canary.InvalidInput");
    assert_eq!(error.to_string(), "`CanaryTemplate` is not a valid CloudFormation template: unresolved tag");
}
