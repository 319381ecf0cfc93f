//! A service, a deployment of it, and the world around it.

use time::OffsetDateTime;

use crate::{
    plan::{Deployment, HealthPolicy, Plan},
    ports::{Stack, StackPhase},
    request::NoData,
    service::{Protocol, Service},
    split::{LiveRoute, Weight, steps},
};

/// A moment.
pub const SHIFTED: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

/// A canary of `web-bbb` beside `web-aaa`, in steps of 25 %.
#[must_use]
pub fn canary_plan() -> Plan {
    let service = service();
    let deployment = Deployment::Canary { stable: service.version("aaa"), candidate: service.version("bbb") };
    plan(service, deployment, 2, steps(Weight::new(25).unwrap_or(Weight::ALL)))
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
        execution: "arn:execution".into(),
        service,
        deployment,
        version,
        container_image: "web:bbb".into(),
        weights,
        wait_time: 60,
        poll_seconds: 15,
        health: HealthPolicy {
            failure_threshold_value: 5,
            failure_threshold_time: 600,
            on_no_data: NoData::RollBack,
            data_delay: 180,
        },
    }
}
