//! The container engine over its API: life, death and health of containers.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use reqwest::{Method, StatusCode};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Value, json};
use support::{Container, DataPlane, eventually};

const NOWHERE: &str = "http://127.0.0.1:9";

/// A request for the container `name` of the task `task`, which runs a shell line.
fn shell(task: &str, name: &str, line: &str) -> Value {
    json!({
        "taskArn": format!("arn:aws:ecs:us-west-2:000000000000:task/test/{task}"),
        "cluster": "test", "family": "shell", "service": null, "image": "shell:1",
        "containerName": name, "command": [line],
        "taskDefinition": {"containerDefinitions": [{"name": name, "image": "shell:1"}]}})
}

fn log(state: &Value) -> String {
    std::fs::read_to_string(state["logPath"].as_str().unwrap()).unwrap()
}

/// The process id that a container wrote into its log.
async fn process_id(plane: &DataPlane, container: &Container) -> Pid {
    let state = plane.inspect(container).await;
    eventually("a process id in the log", || async {
        let id = log(&state).trim().parse().ok()?;
        Pid::from_raw(id)
    })
    .await
}

async fn is_gone(process: Pid) {
    eventually("the end of a process", || async { test_kill_process(process).err().map(drop) }).await;
}

#[tokio::test]
async fn a_container_runs_with_its_environment_and_its_exit_is_reported() {
    let plane = DataPlane::start("127.0.71", NOWHERE).await;
    let mut request = shell("t", "main", "echo $GREETING $NAME $HTTP_PROXY.; exit 3");
    request["taskDefinition"]["containerDefinitions"][0]["environment"] =
        json!([{"name": "GREETING", "value": "hello"}, {"name": "NAME", "value": "definition"}]);
    request["environment"] = json!({"NAME": "override"});
    let container = plane.create(&request).await;
    let state = plane.wait_for(&container, "status", "exited").await;
    assert_eq!(state["exitCode"], 3);
    assert_eq!(state["health"], "UNKNOWN");
    assert_eq!(log(&state), "hello override .\n");
    assert!(state["logPath"].as_str().unwrap().ends_with("/logs/shell-t/main.log"), "{state}");

    let again = plane.create(&request).await;
    assert_eq!(again.id, container.id);
    let path = format!("/_engine/containers/{}", container.id);
    assert_eq!(plane.send(Method::DELETE, &path, &json!({})).await.0, StatusCode::NO_CONTENT);
    assert_eq!(plane.send(Method::GET, &path, &json!({})).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_unknown_image_is_refused_with_the_reason() {
    let plane = DataPlane::start("127.0.72", NOWHERE).await;
    let mut request = shell("t", "main", "true");
    request["image"] = "nobody/knows:1".into();
    let (status, answer) = plane.send(Method::POST, "/_engine/containers", &request).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(answer, json!({"message": "no image map entry matches image `nobody/knows:1`"}));
    let (status, answer) = plane.send(Method::GET, "/_engine/images?image=shell:1", &json!({})).await;
    assert_eq!((status, answer), (StatusCode::OK, json!({"image": "shell:1", "matched": "shell:*"})));

    request["image"] = "x/aws-appmesh-envoy:1".into();
    let (status, answer) = plane.send(Method::POST, "/_engine/containers", &request).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(answer["message"].as_str().unwrap().contains("APPMESH_RESOURCE_ARN"), "{answer}");
}

#[tokio::test]
async fn a_program_that_does_not_exist_ends_with_127_and_says_so() {
    let plane = DataPlane::start("127.0.73", NOWHERE).await;
    let container = plane.create(&shell("t", "main", "exec /no/such/program")).await;
    let state = plane.wait_for(&container, "status", "exited").await;
    assert_eq!(state["exitCode"], 127);
    assert!(log(&state).contains("/no/such/program"), "{}", log(&state));
}

#[tokio::test]
async fn a_container_waits_for_what_it_depends_on() {
    let plane = DataPlane::start("127.0.74", NOWHERE).await;
    let file = plane.state.join("ready");
    let check = json!({"command": ["CMD-SHELL", format!("test -e {}", file.display())], "interval": 5});
    let definitions = json!([
        {"name": "first", "image": "shell:1", "healthCheck": check},
        {"name": "second", "image": "shell:1", "dependsOn": [{"containerName": "first", "condition": "HEALTHY"}]}]);
    let mut first = shell("t", "first", "sleep 100");
    let mut second = shell("t", "second", "exit 0");
    first["taskDefinition"]["containerDefinitions"] = definitions.clone();
    second["taskDefinition"]["containerDefinitions"] = definitions;
    let second = plane.create(&second).await;
    let first = plane.create(&first).await;
    assert_eq!(first.ip, second.ip);
    plane.wait_for(&first, "status", "running").await;
    assert_eq!(plane.inspect(&second).await["status"], "created");
    std::fs::write(file, "").unwrap();
    plane.wait_for(&first, "health", "HEALTHY").await;
    plane.wait_for(&second, "status", "exited").await;
    assert_eq!(plane.inspect(&first).await["status"], "running");
}

#[tokio::test]
async fn a_container_that_still_waits_can_be_stopped() {
    let plane = DataPlane::start("127.0.79", NOWHERE).await;
    let mut request = shell("t", "main", "true");
    request["taskDefinition"]["containerDefinitions"][0]["dependsOn"] =
        json!([{"containerName": "never", "condition": "START"}]);
    let container = plane.create(&request).await;
    let state = plane.stop(&container).await;
    assert_eq!((&state["status"], &state["exitCode"]), (&json!("exited"), &Value::Null));
}

#[tokio::test]
async fn a_stopped_container_gets_sigterm_then_sigkill_and_takes_its_children_along() {
    let plane = DataPlane::start("127.0.75", NOWHERE).await;
    let polite =
        plane.create(&shell("a", "main", "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done")).await;
    eventually("its trap", || async { log(&plane.inspect(&polite).await).contains("up").then_some(()) }).await;
    let state = plane.stop(&polite).await;
    assert_eq!((&state["status"], &state["exitCode"]), (&json!("exited"), &json!(0)));
    assert!(log(&state).contains("bye"));

    let stubborn = plane.create(&shell("b", "main", "trap '' TERM; sleep 1000 & echo $!; wait; wait")).await;
    let child = process_id(&plane, &stubborn).await;
    let path = format!("/_engine/containers/{}/stop", stubborn.id);
    let (_, state) = plane.send(Method::POST, &path, &json!({"timeout": 0.2})).await;
    assert_eq!(state["exitCode"], 137);
    is_gone(child).await;
    // Stopping again changes nothing.
    assert_eq!(plane.stop(&stubborn).await["exitCode"], 137);
}

#[tokio::test]
async fn a_sleeping_sidecar_runs_until_it_is_stopped() {
    let plane = DataPlane::start("127.0.76", NOWHERE).await;
    let mut request = shell("t", "xray", "");
    request["image"] = "sleep:1".into();
    let container = plane.create(&request).await;
    plane.wait_for(&container, "status", "running").await;
    let path = format!("/_engine/containers/{}", container.id);
    assert_eq!(plane.send(Method::DELETE, &path, &json!({})).await.0, StatusCode::CONFLICT);
    assert_eq!(plane.stop(&container).await["exitCode"], 0);
}

#[tokio::test]
async fn sigterm_ends_the_program_and_all_containers() {
    let mut plane = DataPlane::start("127.0.77", NOWHERE).await;
    let container = plane.create(&shell("t", "main", "echo $$; sleep 1000; true")).await;
    let child = process_id(&plane, &container).await;
    let own = Pid::from_raw(plane.process_id().cast_signed()).unwrap();
    kill_process(own, Signal::TERM).unwrap();
    assert!(plane.exit().await.success());
    assert!(test_kill_process(child).is_err(), "the container outlived the program");
}

#[tokio::test]
async fn sigkill_of_the_program_ends_its_containers() {
    let mut plane = DataPlane::start("127.0.78", NOWHERE).await;
    let container = plane.create(&shell("t", "main", "echo $$; exec sleep 1000")).await;
    let child = process_id(&plane, &container).await;
    let own = Pid::from_raw(plane.process_id().cast_signed()).unwrap();
    kill_process(own, Signal::KILL).unwrap();
    plane.exit().await;
    is_gone(child).await;
}

#[tokio::test]
async fn an_application_at_a_port_that_may_not_be_bound_is_moved_and_its_sidecar_finds_it() {
    let plane = DataPlane::start_with("127.0.80", NOWHERE, &["--lowest-port", "1024"]).await;
    plane.create_mesh().await;
    let listener = json!({"portMapping": {"port": 80, "protocol": "http"}});
    let spec = json!({"listeners": [listener], "serviceDiscovery": {"dns": {"hostname": "web.test.local"}}});
    plane.appmesh("meshes/test/virtualNodes", json!({"virtualNodeName": "web", "spec": spec})).await;
    let definition = json!({"containerDefinitions": [
        {"name": "app", "image": "app:1", "portMappings": [{"containerPort": 80}]},
        {"name": "envoy", "image": "x/aws-appmesh-envoy:1"}]});
    let request = |container: &str, image: &str, environment: Value| {
        json!({"taskArn": "arn:aws:ecs:us-west-2:000000000000:task/test/web", "cluster": "test", "family": "web",
            "service": null, "taskDefinition": definition, "containerName": container, "image": image,
            "environment": environment})
    };
    let envoy = json!({"APPMESH_RESOURCE_ARN": "mesh/test/virtualNode/web"});
    let envoy = plane.create(&request("envoy", "x/aws-appmesh-envoy:1", envoy)).await;
    plane.wait_for(&envoy, "health", "HEALTHY").await;
    let app = plane.create(&request("app", "app:1", json!({"VERSION": "1", "PORT": "80"}))).await;
    plane.listening(&app.ip, 20080).await;
    let answer = plane.client.get(format!("http://{}:15000/", app.ip)).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), format!("1 GET {}:15000 /", app.ip));
}

#[tokio::test]
async fn a_full_disk_under_the_log_stops_nothing_and_is_shown() {
    let plane = DataPlane::start_without_log("127.0.89").await;
    let container = plane.create(&shell("t", "main", "exit 3")).await;
    assert_eq!(plane.wait_for(&container, "status", "exited").await["exitCode"], 3);
    let health = plane.get("/_local/health").await;
    assert_eq!(health["status"], "degraded");
    // "ready", "created" and "exited" at least.
    assert!(health["lostLogLines"].as_u64().unwrap() >= 3, "{health}");
}

#[tokio::test]
async fn a_health_check_s_children_end_with_it() {
    let plane = DataPlane::start("127.0.90", NOWHERE).await;
    for (task, limit) in [("timed-out", 1), ("stopped", 60)] {
        let file = plane.state.join(task);
        let line = format!("sleep 1000 & echo $! > {}; wait", file.display());
        let mut request = shell(task, "main", "sleep 1000");
        request["taskDefinition"]["containerDefinitions"][0]["healthCheck"] =
            json!({"command": ["CMD-SHELL", line], "interval": 30, "timeout": limit});
        let container = plane.create(&request).await;
        let child = eventually("a child of the health check", || async {
            let id = std::fs::read_to_string(&file).ok()?.trim().parse().ok()?;
            Pid::from_raw(id)
        })
        .await;
        if task == "stopped" {
            plane.stop(&container).await;
        }
        is_gone(child).await;
    }
}
