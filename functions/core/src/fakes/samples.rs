//! A service, a deployment of it, and the world around it.

use time::OffsetDateTime;

use crate::{
    health::{Answers, Check, Verdict},
    plan::{Deployment, FORMAT, HealthPolicy, Plan, Router, Step},
    request::NoData,
    service::{Protocol, Service},
    split::{LiveRoute, Weight, weights},
    stack::{Stack, StackPhase},
};

/// A moment.
pub const SHIFTED: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

/// A canary of `web-bbb` beside `web-aaa`, in steps of 25 %.
#[must_use]
pub fn canary_plan() -> Plan {
    let service = service();
    let deployment = Deployment::Canary { stable: service.version("aaa"), candidate: service.version("bbb") };
    plan(service, deployment, 2, weights(Weight::new(25).unwrap_or(Weight::ALL)))
}

/// A first deployment of `web-bbb`.
#[must_use]
pub fn first_plan() -> Plan {
    let service = service();
    let deployment = Deployment::First { candidate: service.version("bbb") };
    plan(service, deployment, 1, vec![Weight::ALL])
}

/// A route with these targets.
#[must_use]
pub fn live(targets: &[(&str, u32)]) -> LiveRoute {
    LiveRoute { targets: targets.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect() }
}

/// A stack that stands, under its name.
#[must_use]
pub fn ready(name: &str) -> (String, Stack) {
    (name.to_owned(), Stack::in_phase(StackPhase::Ready, Some("arn:earlier")))
}

/// A healthy check with this reason.
#[must_use]
pub fn check(reason: &str) -> Check {
    Check {
        verdict: Verdict::Healthy,
        reason: reason.to_owned(),
        answers: Answers::default(),
        threshold: 5,
        tasks: None,
        weight: 25,
        window_start: SHIFTED,
        window_end: SHIFTED,
    }
}

fn service() -> Service {
    Service {
        environment_name: "demo".into(),
        namespace: "demo.local".into(),
        microservice_name: "web".into(),
        protocol: Protocol::Http,
        port: 80,
    }
}

fn plan(service: Service, deployment: Deployment, version: u64, weights: Vec<Weight>) -> Plan {
    Plan {
        format: FORMAT,
        execution: "arn:execution".into(),
        router: Router::AppMesh,
        service,
        deployment,
        version,
        container_image: "web:bbb".into(),
        steps: weights.into_iter().map(|weight| Step { weight, watch_seconds: 60 }).collect(),
        poll_seconds: 15,
        health: HealthPolicy {
            failure_threshold_value: 5,
            failure_threshold_time: 600,
            on_no_data: NoData::RollBack,
            metric_period: 60,
            metric_delay: 120,
        },
    }
}
