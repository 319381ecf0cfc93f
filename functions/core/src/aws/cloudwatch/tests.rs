#![allow(clippy::unwrap_used)]

use super::*;
use crate::{aws::wire::replay, fakes::canary_plan};

/// A recorded answer to this very query: 42 answers of class 2xx, 2 of 4xx, 3 of 5xx and none of the others.
const ANSWER: &[u8] = include_bytes!("answer.cbor");

/// The minute of all data points in the answer, 2026-11-21T03:42:00Z.
const MINUTE: i64 = 1_795_232_520;

fn window(settled_from: i64) -> Window {
    let at = |seconds| OffsetDateTime::from_unix_timestamp(MINUTE + seconds).unwrap();
    Window { start: at(-90), settled_from: at(settled_from), complete_at: at(90), end: at(90) }
}

/// Promise 11.
#[tokio::test]
async fn errors_are_class_5_and_requests_are_all_classes() {
    let (config, http) = replay(&[(200, ANSWER)]);
    let answers = CloudWatch::new(&config).answers(&canary_plan(), window(0)).await.unwrap();
    assert_eq!(answers, Answers { errors: 3, requests: 47, settled: 47 });
    assert_eq!(http.actual_requests().count(), 1, "one call for all classes");
}

/// Promise 5.
#[tokio::test]
async fn only_data_points_that_begin_when_the_weight_has_settled_count_for_it() {
    for (settled_from, settled) in [(-60, 47), (0, 47), (60, 0)] {
        let (config, _) = replay(&[(200, ANSWER)]);
        let answers = CloudWatch::new(&config).answers(&canary_plan(), window(settled_from)).await.unwrap();
        assert_eq!(answers.settled, settled, "settled {settled_from} seconds after the data point's beginning");
    }
}

#[test]
fn a_query_has_the_plans_period() {
    let mut plan = canary_plan();
    plan.health.metric_period = 10;
    assert_eq!(query(&plan, 5).metric_stat().unwrap().period(), Some(10));
}

/// Promise 11.
#[tokio::test]
async fn the_query_covers_the_window() {
    let (config, http) = replay(&[(200, ANSWER)]);
    CloudWatch::new(&config).answers(&canary_plan(), window(0)).await.unwrap();
    let request = http.actual_requests().next().unwrap();
    // CBOR: the text `StartTime`, tag 1 (epoch), then a number.
    let body = request.body().bytes().unwrap();
    for (member, seconds) in [("StartTime", MINUTE - 90), ("EndTime", MINUTE + 90)] {
        let after = body.windows(member.len()).position(|part| part == member.as_bytes()).unwrap() + member.len();
        let number = f64::from_be_bytes(body[after + 2..after + 10].try_into().unwrap());
        assert_eq!((body[after], body[after + 1], number as i64), (0xc1, 0xfb, seconds), "{member}");
    }
}

#[test]
fn a_query_names_the_metric_as_the_agent_publishes_it() {
    let query = query(&canary_plan(), 5);
    let stat = query.metric_stat().unwrap();
    assert_eq!((stat.stat(), stat.period()), (Some("Sum"), Some(60)));
    let metric = stat.metric().unwrap();
    assert_eq!(metric.namespace(), Some("ECS/ContainerInsights/Prometheus"));
    assert_eq!(metric.metric_name(), Some("envoy_http_downstream_rq_xx"));
    let dimensions: Vec<_> =
        metric.dimensions().iter().filter_map(|dimension| dimension.name().zip(dimension.value())).collect();
    assert_eq!(
        dimensions,
        [
            ("ClusterName", "demo"),
            ("TaskDefinitionFamily", "web"),
            ("appmesh_virtual_node", "web-bbb"),
            ("envoy_http_conn_manager_prefix", "ingress"),
            ("envoy_response_code_class", "5"),
        ]
    );
}

#[tokio::test]
async fn a_class_that_could_not_be_read_is_an_error_and_not_zero() {
    // The recorded answer with another status of its last class, the errors; in CBOR, the byte before a text is its length.
    let complete = b"\x68Complete";
    let last = ANSWER.windows(complete.len()).rposition(|part| part == complete).unwrap();
    let cases: [(&[u8], _, _); 2] = [
        (b"\x6dInternalError", "InternalError", "Canary.Unavailable"),
        // To wait does not give the right to read.
        (b"\x69Forbidden", "Forbidden", "Canary.AccessDenied"),
    ];
    for (encoded, status, name) in cases {
        let unread = [&ANSWER[..last], encoded, &ANSWER[last + complete.len()..]].concat();
        let (config, _) = replay(&[(200, &unread)]);
        let error = CloudWatch::new(&config).answers(&canary_plan(), window(0)).await.unwrap_err();
        assert_eq!(error.name(), name);
        assert_eq!(error.chain(), format!("GetMetricData of `web-bbb` failed: `class5xx` is {status}"));
    }
}

#[tokio::test]
async fn a_refused_look_is_an_error_and_not_zero() {
    let (config, _) = replay(&[(500, b"")]);
    let error = CloudWatch::new(&config).answers(&canary_plan(), window(0)).await.unwrap_err();
    assert_eq!(error.name(), "Canary.Unavailable");
}
