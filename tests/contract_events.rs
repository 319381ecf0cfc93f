//! The samples in `events/` are what the functions really take and answer: each is made by handing one function's answer to
//! the next as the state machine does, and compared with its file. `UPDATE_EVENTS=1` writes the files anew.
#![allow(clippy::unwrap_used)]

use std::{env, fs};

use base64::{Engine, engine::general_purpose::STANDARD};
use canary_core::{
    Result,
    fakes::{State, World, live, ready},
    health::Answers,
    plan::Timing,
    record::Record,
    tasks::Tasks,
};
use canary_tests::{json, path, text};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use time::OffsetDateTime;

/// 2026-11-20T12:00:00Z.
const NOON: i64 = 1_795_176_000;
const EXECUTION: &str = "arn:aws:states:us-west-2:000000000000:execution:canary-shared-canary:sample";

/// The environment as `make up` leaves it: version 1111111 of hello-backend is live.
fn as_make_up_leaves_it() -> World {
    World::new(State {
        routes: [("hello-backend-route".to_owned(), live(&[("hello-backend-1111111", 100)]))].into(),
        stacks: [ready("demo-hello-backend-1111111")].into(),
        record: Some(Record { sha: "1111111".into(), version: 1 }),
        answers: Answers { errors: 0, requests: 120, settled: 90 },
        tasks: [("demo-hello-backend-2222222".to_owned(), Tasks { desired: 1, healthy: 1, failed: Vec::new() })].into(),
        ..State::default()
    })
}

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(NOON + seconds).unwrap()
}

fn input<In: DeserializeOwned>(sample: &Value) -> In {
    serde_json::from_value(sample.clone()).unwrap()
}

fn output<Out: Serialize>(answer: Result<Out>) -> Value {
    serde_json::to_value(answer.unwrap()).unwrap()
}

/// Compares a sample with its file, or writes it.
fn check(name: &str, sample: &Value) {
    let file = format!("events/{name}.json");
    if env::var_os("UPDATE_EVENTS").is_some() {
        fs::write(path(&file), format!("{sample:#}\n")).unwrap();
    }
    assert_eq!(json(&file), *sample, "`{file}` is out of date: run UPDATE_EVENTS=1 cargo test --test contract_events");
}

/// The deploy request of the sample: the team's `deploy.json` with what a build adds.
fn request() -> Value {
    let mut request = json("samples/hello/hello-backend/specfiles/deploy.json");
    request["Sha"] = "2222222".into();
    request["ContainerImage"] = "hello-backend:2222222".into();
    request["CanaryTemplate"] = STANDARD.encode(text("infra/canary.yaml")).into();
    request
}

#[tokio::test]
async fn samples_are_what_the_functions_take_and_answer() {
    let world = as_make_up_leaves_it();
    check("deploy-hello-backend", &request());

    let sample = json!({"request": request(), "execution": EXECUTION});
    check("check-version", &sample);
    let (router, records, templates, locks, executions) = (&world, &world, &world, &world, &world);
    let ports = check_version::Ports { router, records, templates, locks, executions };
    let checked = output(check_version::handle(input(&sample), ports, Timing::default(), at(0)).await);
    check("check-version.output", &checked);
    let plan = &checked["plan"];

    let sample = json!({"plan": plan, "request": request(), "deletions": checked["stack"]["deletions"]});
    check("deploy-stack", &sample);
    check("deploy-stack.output", &output(deploy_stack::handle(input(&sample), &world, &world).await));
    let ready = loop {
        let answer = output(deploy_stack::handle(input(&sample), &world, &world).await);
        if answer["status"] != "InProgress" {
            break answer;
        }
    };
    assert_eq!(ready["status"], "Ready");

    let sample = json!({"plan": plan, "progress": checked["progress"], "entered": "2026-11-20T12:00:00Z"});
    check("shift-traffic", &sample);
    let mut progress = output(shift_traffic::handle(input(&sample), &world, || at(0)).await);
    check("shift-traffic.output", &progress);

    let sample = json!({"plan": plan, "progress": progress});
    check("gather-health", &sample);
    let look =
        async |sample: &Value| output(gather_health::handle(input(sample), &world, &world, &world, at(300)).await);
    progress = look(&sample).await;
    check("gather-health.output", &progress);

    let deletions = &checked["rollback"]["deletions"];
    let sample = json!({"plan": plan, "progress": progress, "execution": EXECUTION, "deletions": deletions, "failure": {
        "Error": "Canary.Unhealthy",
        "Cause": "`hello-backend-2222222` answered 9 of 120 requests with 5xx; allowed are 0",
    }});
    check("rollback", &sample);
    let aside = World::new(world.state().clone());
    check("rollback.output", &output(rollback::handle(input(&sample), &aside, &aside, &aside, &aside, at(300)).await));

    while progress["phase"] == "Shifting" {
        let sample = json!({"plan": plan, "progress": progress, "entered": "2026-11-20T12:00:00Z"});
        progress = output(shift_traffic::handle(input(&sample), &world, || at(0)).await);
        progress = look(&json!({"plan": plan, "progress": progress})).await;
    }
    let sample = json!({"plan": plan, "progress": progress, "execution": EXECUTION});
    check("promote", &sample);
    check("promote.output", &output(promote::handle(input(&sample), &world, &world, &world, at(300)).await));

    let sample = json!({"plan": plan, "execution": EXECUTION, "deletions": checked["removal"]["deletions"]});
    check("remove-old", &sample);
    let ports = remove_old::Ports { router, stacks: &world, states: &world, records, locks };
    check("remove-old.output", &output(remove_old::handle(input(&sample), ports, at(300)).await));
}
