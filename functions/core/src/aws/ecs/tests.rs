#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;
use crate::aws::wire::{asked, replay};

const SERVICE: &str = "arn:aws:ecs:us-west-2:000000000000:service/demo/web-bbb";

/// The minute at which the candidate first had traffic.
fn since() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_000).unwrap()
}

fn described(status: &str, running: u32) -> Value {
    json!({"services": [{"serviceArn": SERVICE, "status": status, "desiredCount": 2, "runningCount": running, "taskDefinition": "web:7"}]})
}

fn listed(count: usize) -> Value {
    json!({"taskArns": (0..count).map(|n| format!("arn:task/{n}")).collect::<Vec<_>>()})
}

fn healthy(count: usize) -> Value {
    json!({"tasks": vec![json!({"lastStatus": "RUNNING", "healthStatus": "HEALTHY"}); count]})
}

async fn tasks(answers: &[Value]) -> Result<Option<Tasks>> {
    let answers: Vec<_> = answers.iter().map(Value::to_string).collect();
    let answers: Vec<_> = answers.iter().map(|body| (200, body.as_bytes())).collect();
    let (config, http) = replay(&answers);
    let found = Ecs::new(&config).tasks("demo", SERVICE, since()).await;
    assert_eq!(http.actual_requests().count(), answers.len());
    for (_, _, body) in asked(&http) {
        let asked: Value = serde_json::from_str(&body).unwrap();
        assert!(asked["cluster"] == "demo" || asked["taskDefinition"] == "web:7", "{asked}");
    }
    found
}

fn definition(containers: Value) -> Value {
    json!({"taskDefinition": {"containerDefinitions": containers}})
}

/// Promise 20.
#[tokio::test]
async fn a_task_without_a_health_is_healthy_if_every_health_check_that_it_has_is_passed() {
    let check = json!({"command": ["CMD", "true"]});
    let container = |name: &str, health: &str| json!({"name": name, "healthStatus": health});
    let cases = [
        (json!([{"name": "web"}, {"name": "envoy"}]), 3),
        (json!([{"name": "web"}, {"name": "envoy", "essential": false, "healthCheck": check}]), 3),
        // AWS gives a task no health as long as an essential container has none.
        (json!([{"name": "web"}, {"name": "envoy", "healthCheck": check}]), 2),
        (json!([{"name": "web", "healthCheck": check}, {"name": "envoy", "healthCheck": check}]), 1),
    ];
    for (containers, healthy) in cases {
        let running = json!({"tasks": [
            {"lastStatus": "RUNNING", "healthStatus": "HEALTHY"},
            {"lastStatus": "RUNNING", "healthStatus": "UNKNOWN", "containers": [
                container("web", "UNKNOWN"), container("envoy", "HEALTHY"),
            ]},
            {"lastStatus": "RUNNING", "containers": [container("web", "UNKNOWN"), container("envoy", "UNKNOWN")]},
        ]});
        let pages = [described("ACTIVE", 3), listed(3), running, listed(0), definition(containers.clone())];
        assert_eq!(tasks(&pages).await.unwrap().unwrap().healthy, healthy, "{containers}");
    }
}

#[tokio::test]
async fn a_service_that_goes_while_it_is_asked_for_has_no_tasks() {
    let gone = json!({"__type": "ServiceNotFoundException", "message": "Service not found."}).to_string();
    let there = described("ACTIVE", 2).to_string();
    let (config, _) = replay(&[(200, there.as_bytes()), (400, gone.as_bytes())]);
    assert_eq!(Ecs::new(&config).tasks("demo", SERVICE, since()).await.unwrap(), None);
    let no_cluster = json!({"__type": "ClusterNotFoundException", "message": "Cluster not found."}).to_string();
    let (config, _) = replay(&[(400, no_cluster.as_bytes())]);
    assert_eq!(Ecs::new(&config).tasks("demo", SERVICE, since()).await.unwrap(), None);
}

#[tokio::test]
async fn a_task_is_healthy_if_it_runs_and_nothing_says_that_it_is_not() {
    let running = json!({"tasks": [
        {"lastStatus": "RUNNING", "healthStatus": "HEALTHY"},
        {"lastStatus": "RUNNING", "healthStatus": "UNKNOWN"},
        {"lastStatus": "RUNNING"},
        {"lastStatus": "RUNNING", "healthStatus": "UNHEALTHY"},
        {"lastStatus": "PENDING"},
    ]});
    let none = definition(json!([{"name": "web"}]));
    let found = tasks(&[described("ACTIVE", 5), listed(5), running, listed(0), none]).await.unwrap();
    assert_eq!(found, Some(Tasks { desired: 2, healthy: 3, failed: Vec::new() }));
}

/// Promise 20.
#[tokio::test]
async fn tasks_that_ended_by_themselves_have_failed_and_those_that_something_else_ended_have_not() {
    let stopped = |code: Value, reason: &str, at: f64| {
        json!({"lastStatus": "STOPPED", "stopCode": code, "stoppedReason": reason, "stoppingAt": at,
            "containers": [{"name": "web", "exitCode": 137}, {"name": "envoy"}]})
    };
    let stopped = json!({"tasks": [
        stopped(json!("ServiceSchedulerInitiated"), "(service web-bbb) Task failed container health checks", 1_020.0),
        stopped(json!("EssentialContainerExited"), "Essential container in task exited", 1_010.0),
        stopped(Value::Null, "Task failed ELB health checks in (target-group t)", 1_030.0),
        stopped(json!("EssentialContainerExited"), "before it had traffic", 999.0),
        stopped(json!("ServiceSchedulerInitiated"), "Scaling activity initiated by (deployment d)", 1_040.0),
        stopped(json!("UserInitiated"), "Task stopped by user", 1_050.0),
        stopped(json!("InfrastructureHealth"), "The host failed", 1_055.0),
        stopped(json!("SpotInterruption"), "Your Spot Task was interrupted.", 1_060.0),
        stopped(json!("TaskFailedToStart"), "Capacity is unavailable at this time. Please try again later", 1_070.0),
    ]});
    let running = json!({"tasks": [{"lastStatus": "RUNNING", "healthStatus": "HEALTHY"}]});
    let found = tasks(&[described("ACTIVE", 1), listed(1), running, listed(9), stopped]).await.unwrap().unwrap();
    assert_eq!(
        found.failed,
        [
            "Essential container in task exited (`web` exited with 137)",
            "(service web-bbb) Task failed container health checks (`web` exited with 137)",
            "Task failed ELB health checks in (target-group t) (`web` exited with 137)",
        ]
    );
}

#[tokio::test]
async fn a_service_that_is_gone_or_going_has_no_tasks() {
    assert_eq!(tasks(&[described("DRAINING", 1)]).await.unwrap(), None);
    assert_eq!(tasks(&[described("INACTIVE", 0)]).await.unwrap(), None);
    let missing = json!({"services": [], "failures": [{"arn": SERVICE, "reason": "MISSING"}]});
    assert_eq!(tasks(&[missing]).await.unwrap(), None);
}

#[tokio::test]
async fn an_answer_that_lacks_tasks_is_no_proof_that_they_do_not_run() {
    let error = tasks(&[described("ACTIVE", 2), listed(0)]).await.unwrap_err();
    assert_eq!(error.name(), "Canary.Unavailable");
    let error = tasks(&[json!({"services": [], "failures": []})]).await.unwrap_err();
    assert_eq!(error.name(), "Canary.Unavailable");
    let error = tasks(&[described("ACTIVE", 2), listed(2), healthy(1)]).await.unwrap_err();
    assert_eq!(error.name(), "Canary.Unavailable");
    let stopped = tasks(&[described("ACTIVE", 0), listed(0), listed(0)]).await.unwrap();
    assert_eq!(stopped, Some(Tasks { desired: 2, healthy: 0, failed: Vec::new() }));
}

#[tokio::test]
async fn tasks_are_described_a_hundred_at_a_time() {
    let pages = [described("ACTIVE", 150), listed(150), healthy(100), healthy(50), listed(0)];
    assert_eq!(tasks(&pages).await.unwrap().unwrap().healthy, 150);
}
