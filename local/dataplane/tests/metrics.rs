//! What reaches CloudWatch: every request after a task's first scrape once, with exactly the dimensions of the real
//! agent, whatever fails in between.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ciborium::Value;
use serde_json::json;
use support::{DataPlane, eventually};

/// A CloudWatch that fails a number of times, and keeps what it was given.
#[derive(Clone, Default)]
struct CloudWatch {
    failures: Arc<AtomicUsize>,
    attempts: Arc<AtomicUsize>,
    /// Sums and numbers of data, by their dimensions.
    data: Arc<Mutex<BTreeMap<String, (f64, usize)>>>,
}

fn member<'a>(value: &'a Value, name: &str) -> &'a Value {
    let members = value.as_map().unwrap();
    let found = members.iter().find(|(key, _)| key.as_text() == Some(name));
    &found.unwrap_or_else(|| panic!("no `{name}` in {value:?}")).1
}

async fn answer(State(cloud): State<CloudWatch>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let body: Bytes = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    cloud.attempts.fetch_add(1, Ordering::SeqCst);
    assert!(path.ends_with("/PutMetricData"), "{path}");
    let fails = |left: usize| left.checked_sub(1);
    if cloud.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fails).is_ok() {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let body: Value = ciborium::from_reader(body.as_ref()).unwrap();
    assert_eq!(member(&body, "Namespace").as_text(), Some("ECS/ContainerInsights/Prometheus"));
    let mut data = cloud.data.lock().unwrap();
    for datum in member(&body, "MetricData").as_array().unwrap() {
        assert_eq!(member(datum, "MetricName").as_text(), Some("envoy_http_downstream_rq_xx"));
        let dimensions = member(datum, "Dimensions").as_array().unwrap().iter();
        let dimensions: Vec<String> = dimensions
            .map(|one| {
                format!("{}={}", member(one, "Name").as_text().unwrap(), member(one, "Value").as_text().unwrap())
            })
            .collect();
        let (sum, count) = data.entry(dimensions.join(" ")).or_default();
        *sum += member(datum, "Value").as_float().unwrap();
        *count += 1;
    }
    let headers = [("smithy-protocol", "rpc-v2-cbor"), ("content-type", "application/cbor")];
    (headers, [0xa0_u8].to_vec()).into_response()
}

#[tokio::test]
async fn every_request_since_the_baseline_is_published_once_though_cloudwatch_fails() {
    let cloud = CloudWatch::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(cloud.clone());
    tokio::spawn(axum::serve(listener, router).into_future());

    let mut plane = DataPlane::start("127.0.86", &gateway).await;
    plane.create_mesh().await;
    plane.create_node("shop-1", "http", &[]).await;
    let task = plane.run_node("shop-1", "app:1", json!({"VERSION": "1"})).await;
    let series = |class: u8| {
        format!(
            "ClusterName=test TaskDefinitionFamily=shop-1-family appmesh_virtual_node=shop-1 \
             envoy_http_conn_manager_prefix=ingress envoy_response_code_class={class}"
        )
    };
    let published = |class: u8| cloud.data.lock().unwrap().get(&series(class)).copied().unwrap_or_default();
    eventually("zeros for every class", || async { (1..=5).all(|class| published(class).1 >= 2).then_some(()) }).await;
    assert!((1..=5).all(|class| published(class).0 == 0.0));

    cloud.failures.store(3, Ordering::SeqCst);
    let url = format!("http://{}:15000", task.envoy.ip);
    for number in 0..30 {
        let path = if number % 3 == 0 { "/status/500" } else { "/" };
        plane.client.get(format!("{url}{path}")).send().await.unwrap();
    }
    eventually("publications after failures", || async { (published(2).0 >= 20.0).then_some(()) }).await;
    assert_eq!((published(2).0, published(5).0), (20.0, 10.0));

    // What a task counts after its last scrape is lost with it, as on AWS; what was scraped is not published again.
    let keys: Vec<String> = cloud.data.lock().unwrap().keys().cloned().collect();
    assert_eq!(keys, [1, 2, 3, 4, 5].map(series));
    plane.stop(&task.app.unwrap()).await;
    plane.stop(&task.envoy).await;
    let stats = plane.stats().await;
    assert_eq!(stats["virtualNodes"]["shop-1"]["classes"], json!({"2": 20, "5": 10}));
    assert_eq!((published(2).0, published(5).0), (20.0, 10.0));
}
