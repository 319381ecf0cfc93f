#![allow(clippy::unwrap_used)]

use super::*;
use crate::{plan::Deployment, service::Service, split::Weight};

const SHIFTED: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

fn plan(protocol: Protocol, on_no_data: NoData) -> Plan {
    let service = Service {
        environment_name: "demo".into(),
        namespace: "demo.local".into(),
        microservice_name: "web".into(),
        protocol,
        port: 80,
    };
    Plan {
        execution: "arn".into(),
        deployment: Deployment::Canary { stable: service.version("aaa"), candidate: service.version("bbb") },
        version: 2,
        container_image: "web:bbb".into(),
        weights: vec![Weight::ALL],
        wait_time: 60,
        poll_seconds: 15,
        health: HealthPolicy { failure_threshold_value: 5, failure_threshold_time: 600, on_no_data, data_delay: 180 },
        service,
    }
}

fn traffic() -> Traffic {
    Traffic { weight: Weight::ALL, target: None, since: Some(SHIFTED), shifted_at: Some(SHIFTED) }
}

fn look(plan: &Plan, after_seconds: i64, errors: u64, requests: u64) -> Health {
    let now = SHIFTED + Duration::seconds(after_seconds);
    judge(plan, Window::of(&plan.health, &traffic(), now), Answers { errors, requests, recent: requests })
}

#[test]
fn errors_up_to_the_threshold_are_healthy_and_one_more_is_not() {
    let plan = plan(Protocol::Http, NoData::RollBack);
    let (at, over) = (look(&plan, 60, 5, 100), look(&plan, 60, 6, 100));
    assert_eq!((at.verdict, at.decision), (Verdict::Healthy, Decision::Proceed));
    assert_eq!((over.verdict, over.decision), (Verdict::Unhealthy, Decision::RollBack));
    assert_eq!(over.why, "`web-bbb` answered 6 of 100 requests with 5xx; allowed are 5");
}

/// Promise 10.
#[test]
fn no_data_is_never_healthy_and_is_waited_for_before_it_counts() {
    let plan = plan(Protocol::Http, NoData::RollBack);
    let (early, late) = (look(&plan, 60, 0, 0), look(&plan, 240, 0, 0));
    assert_eq!((early.verdict, early.decision), (Verdict::Inconclusive, Decision::LookAgain));
    assert_eq!((late.verdict, late.decision), (Verdict::Inconclusive, Decision::RollBack));
}

/// Promise 10.
#[test]
fn going_on_without_data_is_said() {
    let plan = plan(Protocol::Http, NoData::Proceed);
    assert_eq!(look(&plan, 60, 0, 0).decision, Decision::LookAgain, "it may still arrive");
    let health = look(&plan, 240, 0, 0);
    assert_eq!((health.verdict, health.decision), (Verdict::Inconclusive, Decision::Proceed));
    assert!(health.why.contains("says nothing about its health"), "{}", health.why);
}

/// Promises 5 and 10.
#[test]
fn answers_from_before_the_weight_was_set_do_not_make_it_healthy() {
    let plan = plan(Protocol::Http, NoData::RollBack);
    let window = Window::of(&plan.health, &traffic(), SHIFTED + Duration::seconds(60));
    let health = judge(&plan, window, Answers { errors: 0, requests: 500, recent: 0 });
    assert_eq!((health.verdict, health.decision), (Verdict::Inconclusive, Decision::LookAgain));
}

/// Promise 10.
#[test]
fn nobody_is_waited_for_who_could_not_call_a_first_version() {
    let mut plan = plan(Protocol::Http, NoData::Proceed);
    plan.deployment = Deployment::First { candidate: plan.service.version("bbb") };
    assert_eq!(look(&plan, 60, 0, 0).decision, Decision::Proceed);
}

/// Promise 11.
#[test]
fn a_grpc_verdict_says_what_it_does_not_see() {
    let health = look(&plan(Protocol::Grpc, NoData::RollBack), 60, 0, 100);
    assert!(health.why.ends_with("gRPC failures are not among them"), "{}", health.why);
}

/// Promise 10.
#[test]
fn tcp_is_not_waited_for() {
    let health = look(&plan(Protocol::Tcp, NoData::RollBack), 60, 0, 0);
    assert_eq!(health.decision, Decision::RollBack);
    assert!(health.why.contains("tcp has no request counters"), "{}", health.why);
}

/// Promise 11.
#[test]
fn the_window_never_begins_before_the_candidate_received_traffic() {
    let plan = plan(Protocol::Http, NoData::RollBack);
    let at = |seconds| SHIFTED + Duration::seconds(seconds);
    let begins = |shifted_at, now| {
        let traffic = Traffic { shifted_at: Some(at(shifted_at)), ..traffic() };
        Window::of(&plan.health, &traffic, at(now)).start
    };
    assert_eq!(begins(0, 60), at(0));
    assert_eq!(begins(300, 600), at(0));
    assert_eq!(begins(600, 900), at(300), "600 seconds back");
    assert_eq!(begins(100, 2000), at(100), "the whole time at this weight, however short the threshold's time");
}

#[test]
fn the_state_data_carries_the_numbers() {
    let json = serde_json::to_value(look(&plan(Protocol::Http, NoData::RollBack), 60, 6, 100)).unwrap();
    assert_eq!(json["errors"], 6);
    assert_eq!(json["requests"], 100);
    assert_eq!(json["threshold"], 5);
    assert_eq!(json["windowEnd"], "1970-01-01T00:01:00Z");
}
