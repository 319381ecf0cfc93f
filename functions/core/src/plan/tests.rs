#![allow(clippy::unwrap_used)]

use super::*;

fn request(protocol: Protocol) -> DeployRequest {
    DeployRequest {
        environment_name: "demo".into(),
        namespace: "demo.local".into(),
        microservice_name: "hello-backend".into(),
        protocol,
        port: 8080,
        percentage_step: Weight::new(30).unwrap(),
        wait_time: 60,
        failure_threshold_value: 3,
        failure_threshold_time: 600,
        on_no_data: None,
        on_running: crate::request::OnRunning::Refuse,
        sha: "bbb".into(),
        container_image: "hello-backend:bbb".into(),
        template: crate::request::Template::Body(String::new()),
    }
}

fn route(targets: &[(&str, u32)]) -> Option<LiveRoute> {
    Some(LiveRoute { targets: targets.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect() })
}

fn planned(protocol: Protocol, recorded_version: Option<u64>, route: Option<LiveRoute>) -> Result<Plan> {
    plan(&request(protocol), &Found { recorded_version, route }, "arn:execution", Timing::default())
}

#[test]
fn without_route_and_record_it_is_the_first_deployment() {
    let plan = planned(Protocol::Http, None, None).unwrap();
    assert_eq!(plan.version, 1);
    assert_eq!(plan.steps, [Step { weight: Weight::ALL, watch_seconds: 60 }]);
    assert_eq!(plan.deployment, Deployment::First { candidate: plan.service.version("bbb") });
    assert_eq!(plan.health.on_no_data, NoData::Proceed, "nothing can have called it yet");
}

#[test]
fn a_live_version_is_the_stable_one_and_keeps_its_hyphens() {
    let plan = planned(Protocol::Http, Some(4), route(&[("hello-backend-aaa", 100)])).unwrap();
    assert_eq!(plan.version, 5);
    let percents: Vec<_> = plan.steps.iter().map(|step| step.weight.percent()).collect();
    assert_eq!(percents, [30, 60, 90, 100]);
    let Deployment::Canary { stable, candidate } = plan.deployment else { panic!("a canary") };
    assert_eq!((stable.sha.as_str(), stable.stack.as_str()), ("aaa", "demo-hello-backend-aaa"));
    assert_eq!(candidate.name, "hello-backend-bbb");
    assert_eq!(plan.health.on_no_data, NoData::RollBack);
}

#[test]
fn a_live_version_without_record_is_still_a_canary_of_version_1() {
    let plan = planned(Protocol::Http, None, route(&[("hello-backend-aaa", 100)])).unwrap();
    assert_eq!(plan.version, 1);
    assert!(matches!(plan.deployment, Deployment::Canary { .. }), "its traffic must not be cut over at once");
}

/// Promise 10.
#[test]
fn a_tcp_canary_proceeds_without_data_unless_told_otherwise() {
    let live = route(&[("hello-backend-aaa", 100)]);
    assert_eq!(planned(Protocol::Tcp, Some(1), live.clone()).unwrap().health.on_no_data, NoData::Proceed);
    let strict = DeployRequest { on_no_data: Some(NoData::RollBack), ..request(Protocol::Tcp) };
    let found = Found { recorded_version: Some(1), route: live };
    assert_eq!(plan(&strict, &found, "arn", Timing::default()).unwrap().health.on_no_data, NoData::RollBack);
}

#[test]
fn traffic_that_is_not_on_one_known_version_is_refused() {
    let split: &[(&str, u32)] = &[("hello-backend-aaa", 75), ("hello-backend-ccc", 25)];
    let leftover: &[(&str, u32)] = &[("hello-backend-aaa", 100), ("hello-backend-ccc", 0)];
    let foreign: &[(&str, u32)] = &[("other-aaa", 100)];
    let prefix_only: &[(&str, u32)] = &[("hello-backend", 100)];
    let of_a_longer_name: &[(&str, u32)] = &[("hello-backend-two-aaa", 100)];
    for targets in [split, leftover, foreign, prefix_only, of_a_longer_name, &[]] {
        let error = planned(Protocol::Http, Some(1), route(targets)).unwrap_err();
        assert_eq!(error.name(), "Canary.UnexpectedRoute", "{targets:?}");
    }
}

#[test]
fn a_record_without_a_route_is_refused() {
    let error = planned(Protocol::Http, Some(3), None).unwrap_err();
    assert_eq!(error.name(), "Canary.UnexpectedRoute");
    assert!(error.to_string().contains("`demo-canary-hello-backend-version` records version 3"), "{error}");
}

#[test]
fn deploying_the_live_version_is_refused() {
    let error = planned(Protocol::Http, Some(3), route(&[("hello-backend-bbb", 100)])).unwrap_err();
    assert_eq!(error.name(), "Canary.AlreadyDeployed");
}

/// A plan as release 0.1 wrote it, before plans had a format.
const FIRST_FORMAT: &str = r#"{"execution": "arn:earlier", "service": {"environmentName": "demo", "namespace": "demo.local",
    "microserviceName": "web", "protocol": "http", "port": 80}, "deployment": {"kind": "Canary",
    "stable": {"sha": "aaa", "name": "web-aaa", "stack": "demo-web-aaa"},
    "candidate": {"sha": "bbb", "name": "web-bbb", "stack": "demo-web-bbb"}}, "version": 2, "containerImage": "web:bbb",
    "weights": [25, 50, 75, 100], "waitTime": 60, "pollSeconds": 5, "health": {"failureThresholdValue": 0,
    "failureThresholdTime": 600, "onNoData": "RollBack", "dataDelay": 180}}"#;

/// Promise 13.
#[test]
fn a_plan_of_any_release_says_which_versions_it_is_about() {
    let first: Plan = serde_json::from_str(FIRST_FORMAT).unwrap();
    assert_eq!((first.format, first.router, first.poll_seconds), (1, Router::AppMesh, 5));
    assert_eq!(first.deployment.stable().unwrap().stack, "demo-web-aaa");
    assert_eq!(first.health, HealthPolicy::default());

    let later =
        FIRST_FORMAT.replace(r#""version": 2"#, r#""version": 2, "format": 9, "steps": {"by": "moon"}, "mood": 3"#);
    let later: Plan = serde_json::from_str(&later).unwrap();
    assert_eq!((later.format, later.version, later.steps.len()), (9, 2, 0));
    assert_eq!(later.deployment, first.deployment);
}

/// Promise 1.
#[test]
fn a_plan_is_read_as_it_was_written() {
    let plan = planned(Protocol::Http, Some(1), route(&[("hello-backend-aaa", 100)])).unwrap();
    assert_eq!(plan.format, FORMAT);
    assert_eq!(serde_json::from_str::<Plan>(&serde_json::to_string(&plan).unwrap()).unwrap(), plan);
}
