//! What a version's Envoys answered, from the metrics that the CloudWatch agent scrapes.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_cloudwatch::{
    Client,
    primitives::DateTime,
    types::{Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, StatusCode},
};
use time::OffsetDateTime;

use super::failed;
use crate::{
    Error, Result,
    error::Refusal,
    health::{Answers, Window},
    plan::Plan,
    ports::AnswerCounts,
};

const NAMESPACE: &str = "ECS/ContainerInsights/Prometheus";
const METRIC: &str = "envoy_http_downstream_rq_xx";
/// The classes of HTTP status codes; each is a metric of its own.
const CLASSES: [u8; 5] = [1, 2, 3, 4, 5];
const ERROR_CLASS: u8 = 5;

/// CloudWatch's metric data.
#[derive(Clone, Debug)]
pub struct CloudWatch {
    client: Client,
}

impl CloudWatch {
    /// An adapter over a new client.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }
}

impl AnswerCounts for CloudWatch {
    async fn answers(&self, plan: &Plan, window: Window) -> Result<Answers> {
        let mut pages = self
            .client
            .get_metric_data()
            .set_metric_data_queries(Some(CLASSES.iter().map(|class| query(plan, *class)).collect()))
            .start_time(timestamp(window.start))
            .end_time(timestamp(window.end))
            .into_paginator()
            .send();
        let mut answers = Answers::default();
        let mut unread = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed("GetMetricData", &plan.deployment.candidate().name, error))?;
            for result in page.metric_data_results() {
                let class = result.id().unwrap_or_default().to_owned();
                match result.status_code() {
                    // A page that has a part of the values says so, and the last one that it was the last.
                    Some(StatusCode::Complete) | None => unread.remove(&class),
                    Some(status) => unread.insert(class, status.clone()),
                };
                let count = total(result.values().iter());
                answers.requests += count;
                answers.settled += total(settled(result, window.settled_from));
                if result.id() == Some(id(ERROR_CLASS).as_str()) {
                    answers.errors += count;
                }
            }
        }
        match unread.iter().next() {
            None => Ok(answers),
            // What cannot be read may be the errors: it is not taken for none.
            Some((class, status)) => Err(Error::Aws {
                operation: "GetMetricData",
                subject: plan.deployment.candidate().name.clone(),
                refusal: if *status == StatusCode::Forbidden { Refusal::AccessDenied } else { Refusal::Unavailable },
                source: format!("`{class}` is {status}").into(),
            }),
        }
    }
}

fn id(class: u8) -> String {
    format!("class{class}xx")
}

fn query(plan: &Plan, class: u8) -> MetricDataQuery {
    let class_text = class.to_string();
    let dimensions = [
        ("ClusterName", plan.service.environment_name.as_str()),
        ("TaskDefinitionFamily", &plan.service.microservice_name),
        ("appmesh_virtual_node", &plan.deployment.candidate().name),
        ("envoy_http_conn_manager_prefix", "ingress"),
        ("envoy_response_code_class", &class_text),
    ]
    .map(|(name, value)| Dimension::builder().name(name).value(value).build());
    let period = i32::try_from(plan.health.metric_period).unwrap_or(i32::MAX);
    let metric = Metric::builder().namespace(NAMESPACE).metric_name(METRIC).set_dimensions(Some(dimensions.into()));
    MetricDataQuery::builder()
        .id(id(class))
        .metric_stat(MetricStat::builder().metric(metric.build()).period(period).stat("Sum").build())
        .build()
}

/// The values of data points that begin at `from` or later. A data point carries its beginning.
fn settled(result: &MetricDataResult, from: OffsetDateTime) -> impl Iterator<Item = &f64> {
    let dated = result.timestamps().iter().zip(result.values());
    dated.filter(move |(timestamp, _)| timestamp.secs() >= from.unix_timestamp()).map(|(_, value)| value)
}

/// Sums counts. They are whole and never negative; CloudWatch carries them as floating point.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn total<'a>(values: impl Iterator<Item = &'a f64>) -> u64 {
    values.sum::<f64>().round() as u64
}

fn timestamp(moment: OffsetDateTime) -> DateTime {
    DateTime::from_secs(moment.unix_timestamp())
}

#[cfg(test)]
mod tests;
