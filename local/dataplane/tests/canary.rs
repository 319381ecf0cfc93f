//! A canary over real Envoys: weights change and tasks end under load, and no request is lost.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use support::{DataPlane, eventually};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// A gateway that leads `/shop` to two versions of the virtual node `shop`.
async fn two_versions(prefix: &str) -> (DataPlane, support::Task, String) {
    let mut plane = DataPlane::start(prefix, "http://127.0.0.1:9").await;
    plane.create_mesh().await;
    plane.create_node("shop-1", "http", &[]).await;
    plane.create_node("shop-2", "http", &[]).await;
    plane.create_service("shop", 8080, "http").await;
    plane.create_gateway("shop").await;
    plane.create_route("shop", "httpRoute", &[("shop-1", 100)]).await;
    let first = plane.run_node("shop-1", "app:1", json!({"VERSION": "1"})).await;
    plane.run_node("shop-2", "app:2", json!({"VERSION": "2"})).await;
    let gateway = plane.run_gateway("ingress").await;
    let url = format!("http://{}:8080/shop/data", gateway.envoy.ip);
    eventually("an answer through the gateway", || async {
        version(&plane.client, &url).await.ok().filter(|version| version == "1")
    })
    .await;
    plane.assert_healthy().await;
    (plane, first, url)
}

/// The version that answers.
async fn version(client: &Client, url: &str) -> Result<String, String> {
    let response = client.get(url).send().await.map_err(|error| error.to_string())?;
    let status = response.status();
    let body = response.text().await.map_err(|error| error.to_string())?;
    match body.strip_suffix(" GET shop.test.local /data") {
        Some(version) if status.is_success() => Ok(version.to_owned()),
        _ => Err(format!("{status} {body}")),
    }
}

/// Requests that go on until they are stopped.
struct Load {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    clients: JoinSet<Vec<Result<String, String>>>,
}

impl Load {
    fn start(client: &Client, url: &str) -> Self {
        let mut load = Self { stop: Arc::default(), sent: Arc::default(), clients: JoinSet::new() };
        for _ in 0..4 {
            let (client, url) = (client.clone(), url.to_owned());
            let (stop, sent) = (load.stop.clone(), load.sent.clone());
            load.clients.spawn(async move {
                let mut results = vec![];
                while !stop.load(Ordering::Relaxed) {
                    results.push(version(&client, &url).await);
                    sent.fetch_add(1, Ordering::Relaxed);
                }
                results
            });
        }
        load
    }

    /// Returns after `count` more requests.
    async fn more(&self, count: usize) {
        let target = self.sent.load(Ordering::Relaxed) + count;
        eventually("enough requests", || async { (self.sent.load(Ordering::Relaxed) >= target).then_some(()) }).await;
    }

    /// Stops, and returns how many requests there were; none may have failed.
    async fn finish(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        let results: Vec<_> = self.clients.join_all().await.into_iter().flatten().collect();
        let failed: Vec<_> = results.iter().filter_map(|result| result.as_ref().err()).collect();
        assert!(failed.is_empty(), "{} of {} failed: {:?}", failed.len(), results.len(), failed[0]);
        results.len()
    }
}

#[tokio::test]
async fn the_measured_share_is_the_weight() {
    let (plane, _, url) = two_versions("127.0.61").await;
    plane.set_weights("shop", "httpRoute", &[("shop-1", 75), ("shop-2", 25)]).await;
    eventually("the first request on the new version", || async {
        version(&plane.client, &url).await.ok().filter(|version| version == "2")
    })
    .await;
    let before = plane.stats().await;
    let mut counts: BTreeMap<String, f64> = BTreeMap::new();
    let requests = 1000;
    for _ in 0..requests {
        *counts.entry(version(&plane.client, &url).await.unwrap()).or_default() += 1.0;
    }
    // Four standard deviations: one good run in 16,000 would miss it.
    let (share, n) = (0.25, f64::from(requests));
    let bound = 4.0 * (n * share * (1.0_f64 - share)).sqrt();
    assert!((counts["2"] - n * share).abs() <= bound, "{counts:?}, bound {bound}");

    let after = plane.stats().await;
    let grown = |pointer: &str| {
        after.pointer(pointer).unwrap().as_f64().unwrap() - before.pointer(pointer).unwrap().as_f64().unwrap()
    };
    for (version, count) in &counts {
        for member in ["requests", "sent", "classes/2"] {
            let pointer = format!("/virtualNodes/shop-{version}/{member}");
            assert!((grown(&pointer) - count).abs() < 0.5, "{pointer}: {} for {count}", grown(&pointer));
        }
    }
    assert!((grown("/gateways/ingress/requests") - n).abs() < 0.5);
    assert_eq!(after["routes"]["shop-vr/shop-route"], json!({"shop-1": 75, "shop-2": 25}));
    plane.assert_healthy().await;
}

#[tokio::test]
async fn nothing_is_lost_while_weights_move_and_the_old_task_ends() {
    let (plane, old, url) = two_versions("127.0.62").await;
    let load = Load::start(&plane.client, &url);
    load.more(200).await;
    for weight in [10, 25, 50, 75, 90, 100] {
        let weights = [("shop-1", 100 - weight), ("shop-2", weight)];
        plane.set_weights("shop", "httpRoute", &weights).await;
        load.more(150).await;
    }
    // As CloudFormation removes a version: traffic is away, then its tasks end, then its node goes.
    plane.set_weights("shop", "httpRoute", &[("shop-2", 100)]).await;
    plane.stop(&old.app.unwrap()).await;
    plane.stop(&old.envoy).await;
    let (status, answer) =
        plane.send(reqwest::Method::DELETE, "/v20190125/meshes/test/virtualNodes/shop-1", &json!({})).await;
    assert!(status.is_success(), "{answer}");
    load.more(200).await;
    let requests = load.finish().await;
    let stats = plane.stats().await;
    let sum: u64 =
        ["shop-1", "shop-2"].map(|node| stats["virtualNodes"][node]["requests"].as_u64().unwrap()).iter().sum();
    assert!(sum >= requests as u64, "{requests} requests, but {stats}");
    assert_eq!(stats["virtualNodes"]["shop-1"]["tasks"], 0);
    plane.assert_healthy().await;
}

#[tokio::test]
async fn nothing_is_lost_while_virtual_nodes_enter_and_leave_a_route() {
    let (plane, _, url) = two_versions("127.0.65").await;
    let sent = |stats: Value| -> u64 {
        ["shop-1", "shop-2"].iter().map(|node| stats["virtualNodes"][node]["sent"].as_u64().unwrap()).sum()
    };
    let before = sent(plane.stats().await);
    let load = Load::start(&plane.client, &url);
    for round in 0..10 {
        // Envoy has only the clusters it needs, so each of these adds one and removes the other.
        let node = if round % 2 == 0 { "shop-2" } else { "shop-1" };
        plane.set_weights("shop", "httpRoute", &[(node, 100)]).await;
        load.more(150).await;
    }
    let requests = load.finish().await as u64;
    // The counters of clusters that were removed are not lost either.
    assert_eq!(sent(plane.stats().await) - before, requests);
    plane.assert_healthy().await;
}

#[tokio::test]
async fn one_of_two_tasks_can_end_under_load_without_moving_weights() {
    let (mut plane, first, url) = two_versions("127.0.63").await;
    let second = plane.run_node("shop-1", "app:1", json!({"VERSION": "1"})).await;
    let load = Load::start(&plane.client, &url);
    load.more(200).await;
    plane.stop(&first.app.unwrap()).await;
    plane.stop(&first.envoy).await;
    load.more(200).await;
    load.finish().await;
    plane.wait_for(&second.envoy, "health", "HEALTHY").await;
}

#[tokio::test]
async fn a_weight_change_reaches_requests_within_milliseconds() {
    let (plane, _, url) = two_versions("127.0.64").await;
    let mut latencies = vec![];
    for round in 0..40 {
        let (to, away) = if round % 2 == 0 { ("2", "1") } else { ("1", "2") };
        let (to_node, away_node) = (format!("shop-{to}"), format!("shop-{away}"));
        let started = Instant::now();
        plane.set_weights("shop", "httpRoute", &[(&to_node, 100), (&away_node, 0)]).await;
        while version(&plane.client, &url).await.unwrap() != to {
            assert!(started.elapsed() < Duration::from_secs(5), "the weight change had no effect");
        }
        latencies.push(started.elapsed());
    }
    latencies.sort();
    let (median, p95) = (latencies[20], latencies[38]);
    println!("from UpdateRoute to the first request on the new version: median {median:?}, p95 {p95:?}");
    // A busy machine delays some of them, and each has its limit above.
    assert!(median < Duration::from_millis(250), "median {median:?}");
}
