//! Publishes Envoy's request counts to CloudWatch as the CloudWatch agent does on AWS: same namespace, name and
//! dimensions.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatch::config::{BehaviorVersion, Credentials, Region, timeout::TimeoutConfig};
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit};
use aws_sdk_cloudwatch::{Client, Config};
use tokio::sync::Mutex;
use tracing::{info, warn};

use crate::envoy::plane::Plane;
use crate::stats::{Classes, Series};

const NAMESPACE: &str = "ECS/ContainerInsights/Prometheus";
const METRIC: &str = "envoy_http_downstream_rq_xx";
/// Series in one PutMetricData, which takes at most 1000 data; each series has one per class.
const LARGEST_BATCH: usize = 1000 / 5;
/// A publication that takes longer is tried again in the next interval.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Publishes what all Envoys count; clones share the work.
#[derive(Debug, Clone)]
pub struct Publisher {
    client: Client,
    plane: Plane,
    /// Held while publishing, so that nothing is published twice; whether the last try failed.
    failed: Arc<Mutex<bool>>,
}

impl Publisher {
    /// A publisher to the AWS `endpoint` of the local environment.
    pub fn new(plane: Plane, endpoint: &str, region: &str) -> Self {
        let timeouts = TimeoutConfig::builder().operation_timeout(TIMEOUT).build();
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(endpoint)
            .region(Region::new(region.to_owned()))
            .credentials_provider(Credentials::new("test", "test", None, None, "local"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .timeout_config(timeouts)
            .build();
        Self { client: Client::from_conf(config), plane, failed: Arc::default() }
    }

    /// Publishes every `interval`, for as long as it is polled.
    pub async fn run(&self, interval: Duration) {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.plane.sample_all().await;
            self.publish().await;
        }
    }

    /// Publishes what was counted and not published yet. After a failure it stays for the next time; if only the answer
    /// was lost, it is published twice, since CloudWatch knows no idempotency.
    pub async fn publish(&self) {
        let mut failed = self.failed.lock().await;
        let now = SystemTime::now();
        let counts = self.plane.book().unpublished();
        for batch in counts.chunks(LARGEST_BATCH) {
            let request = self.client.put_metric_data().namespace(NAMESPACE);
            let sent = request.set_metric_data(Some(data(batch, now))).send().await;
            if let Err(error) = sent {
                if !std::mem::replace(&mut *failed, true) {
                    let error = crate::chain(&error);
                    warn!("cannot publish metrics, trying again each interval: {error}");
                }
                return;
            }
            self.plane.book().published(batch);
        }
        if std::mem::replace(&mut *failed, false) {
            info!("metrics are published again");
        }
    }
}

fn data(counts: &[(Series, Classes)], now: SystemTime) -> Vec<MetricDatum> {
    let datum = |series: &Series, class: usize, count: u64| {
        let dimension = |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
        let dimensions = vec![
            dimension("ClusterName", &series.labels.cluster),
            dimension("TaskDefinitionFamily", &series.labels.family),
            dimension("appmesh_virtual_node", &series.node),
            dimension("envoy_http_conn_manager_prefix", "ingress"),
            dimension("envoy_response_code_class", &class.to_string()),
        ];
        MetricDatum::builder()
            .metric_name(METRIC)
            .set_dimensions(Some(dimensions))
            .timestamp(now.into())
            .unit(StandardUnit::Count)
            .value(count as f64)
            .build()
    };
    let series = counts.iter();
    series
        .flat_map(|(series, classes)| {
            let classes = (1..).zip(classes);
            classes.map(move |(class, &count)| datum(series, class, count))
        })
        .collect()
}
