//! How an Envoy takes its configuration: what it rejects, when it stands still, and when it is started again.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use serde_json::json;
use support::{DataPlane, envoy, eventually};
use tokio::process::Command;

const NOWHERE: &str = "http://127.0.0.1:9";

fn signal(name: &str, process: u32) {
    let status = std::process::Command::new("kill").args([format!("-{name}"), process.to_string()]).status();
    assert!(status.unwrap().success());
}

#[tokio::test]
async fn a_configuration_that_envoy_rejects_is_shown_until_it_is_mended() {
    let mut plane = DataPlane::start("127.0.85", NOWHERE).await;
    plane.create_mesh().await;
    plane.create_node("shop-1", "http", &[]).await;
    plane.create_service("shop", 8080, "http").await;
    plane.create_node("web", "http", &["shop.test.local"]).await;
    plane.create_route("shop", "httpRoute", &[("shop-1", 1)]).await;
    let shop = plane.run_node("shop-1", "app:1", json!({"VERSION": "1"})).await;
    let web = plane.run_node("web", "app:1", json!({"VERSION": "web"})).await;
    plane.assert_healthy().await;

    // More repetitions than RE2 takes.
    let action = json!({"weightedTargets": [{"virtualNode": "shop-1", "weight": 1}]});
    let bad = json!({"spec": {"httpRoute": {"match": {"path": {"regex": "/x{1001}"}}, "action": action}}});
    plane.appmesh("meshes/test/virtualRouter/shop-vr/routes/shop-route", bad).await;
    let health = eventually("a rejection", || async {
        let health = plane.get("/_local/health").await;
        (health["status"] == "degraded").then_some(health)
    })
    .await;
    let rejected = &health["rejected"][0];
    assert_eq!(rejected["resource"], "mesh/test/virtualNode/web");
    let message = rejected["message"].as_str().unwrap();
    assert!(message.starts_with("Envoy rejected route table `egress`: "), "{message}");
    assert!(message.contains("invalid repetition size: {1001}"), "{message}");

    // What is not rejected goes on: nobody calls a task that ends.
    let clusters = format!("http://{}:9901/clusters", web.envoy.ip);
    let called = || async {
        let clusters = plane.client.get(&clusters).send().await.unwrap().text().await.unwrap();
        clusters.contains(&format!("cds_egress_test_shop-1::{}:15000::", shop.envoy.ip))
    };
    assert!(called().await);
    plane.stop(&shop.app.unwrap()).await;
    assert!(!called().await);

    plane.set_weights("shop", "httpRoute", &[("shop-1", 1)]).await;
    eventually("health", || async { (plane.get("/_local/health").await["status"] == "ok").then_some(()) }).await;
}

#[tokio::test]
async fn an_envoy_that_stands_still_takes_its_configuration_afterwards() {
    let mut plane = DataPlane::start("127.0.87", NOWHERE).await;
    plane.create_mesh().await;
    for version in ["1", "2"] {
        plane.create_node(&format!("shop-{version}"), "http", &[]).await;
        plane.run_node(&format!("shop-{version}"), "app:1", json!({"VERSION": version})).await;
    }
    plane.create_service("shop", 8080, "http").await;
    plane.create_route("shop", "httpRoute", &[("shop-1", 100), ("shop-2", 0)]).await;
    plane.create_node("web", "http", &["shop.test.local"]).await;
    let web = plane.run_node("web", "app:1", json!({"VERSION": "web"})).await.app.unwrap();
    let answer = || async { plane.call_from(&web.ip, "http://shop.test.local/").await.1 };
    eventually("version 1", || async { answer().await.starts_with("1 ").then_some(()) }).await;

    let envoy = plane.envoy_process("web-2");
    signal("STOP", envoy);
    plane.set_weights("shop", "httpRoute", &[("shop-1", 0), ("shop-2", 100)]).await;
    signal("CONT", envoy);
    eventually("version 2", || async { answer().await.starts_with("2 ").then_some(()) }).await;
    plane.assert_healthy().await;
}

#[tokio::test]
async fn an_envoy_that_is_started_again_gets_everything_anew_and_watches_no_file() {
    let mut plane = DataPlane::start("127.0.97", NOWHERE).await;
    let web = plane.web_that_calls_shop("http").await;
    let ip = &web.app.unwrap().ip;
    let answer = || async { plane.call_from(ip, "http://shop.test.local/").await.1 };
    eventually("an answer", || async { answer().await.starts_with("1 ").then_some(()) }).await;

    signal("KILL", plane.envoy_process("web-1"));
    plane.wait_for(&web.envoy, "status", "exited").await;
    assert!(!answer().await.starts_with("1 "));
    let bootstrap = plane.state.join("envoy/web-1/bootstrap.json");
    let mut command = Command::new(envoy());
    command.arg("-c").arg(bootstrap).args(["--concurrency", "1", "--disable-hot-restart", "-l", "warning"]);
    let _again = command.kill_on_drop(true).spawn().unwrap();
    eventually("an answer", || async { answer().await.starts_with("1 ").then_some(()) }).await;

    let process = plane.envoy_process("web-1");
    let open = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let watches = open.filter(|file| {
        let target = std::fs::read_link(file.as_ref().unwrap().path());
        target.is_ok_and(|target| target.to_string_lossy().contains("inotify"))
    });
    assert_eq!(watches.count(), 0);
}

#[tokio::test]
async fn a_cluster_that_changes_answers_all_the_time() {
    let mut plane = DataPlane::start("127.0.98", NOWHERE).await;
    let web = plane.web_that_calls_shop("http").await;
    let ip = &web.app.unwrap().ip;
    let answer = || async { plane.call_from(ip, "http://shop.test.local/").await.1 };
    eventually("an answer", || async { answer().await.starts_with("1 ").then_some(()) }).await;

    let listener = json!({"portMapping": {"port": 8080, "protocol": "http"},
        "healthCheck": {"protocol": "http", "path": "/", "healthyThreshold": 2, "unhealthyThreshold": 2,
            "intervalMillis": 5000, "timeoutMillis": 2000}});
    let discovery = json!({"awsCloudMap": {"namespaceName": "test.local", "serviceName": "shop-1"}});
    let spec = json!({"listeners": [listener], "serviceDiscovery": discovery});
    plane.appmesh("meshes/test/virtualNodes/shop-1", json!({"spec": spec})).await;
    let active = format!("http://{}:9901/config_dump?resource=dynamic_active_clusters", web.envoy.ip);
    eventually("a health check", || async {
        assert!(answer().await.starts_with("1 "));
        let clusters = plane.client.get(&active).send().await.unwrap().text().await.unwrap();
        clusters.contains("health_checks").then_some(())
    })
    .await;
    assert!(answer().await.starts_with("1 "));
    plane.assert_healthy().await;
}
