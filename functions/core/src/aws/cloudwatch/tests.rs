#![allow(clippy::unwrap_used)]

use super::*;
use crate::{aws::wire::replay, fakes::canary_plan};

/// A recorded answer to this very query: 42 answers of class 2xx, 2 of 4xx, 3 of 5xx and none of the others.
const ANSWER: &[u8] = include_bytes!("answer.cbor");

fn window() -> Window {
    Window { start: OffsetDateTime::UNIX_EPOCH, end: OffsetDateTime::UNIX_EPOCH + time::Duration::minutes(1) }
}

#[tokio::test]
async fn errors_are_class_5_and_requests_are_all_classes() {
    let (config, http) = replay(&[(200, ANSWER)]);
    let answers = CloudWatch::new(&config).answers(&canary_plan(), window()).await.unwrap();
    assert_eq!(answers, Answers { errors: 3, requests: 47 });
    assert_eq!(http.actual_requests().count(), 1, "one call for all classes");
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
async fn a_refused_look_is_an_error_and_not_zero() {
    let (config, _) = replay(&[(500, b"")]);
    let error = CloudWatch::new(&config).answers(&canary_plan(), window()).await.unwrap_err();
    assert_eq!(error.name(), "Canary.Unavailable");
}
