//! Publishes Envoy's request counts to CloudWatch as the CloudWatch agent does on AWS: same namespace, name and
//! dimensions, scraped once a period and published after a delay ([`crate::scrapes`]).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatch::config::{BehaviorVersion, Credentials, Region, timeout::TimeoutConfig};
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit};
use aws_sdk_cloudwatch::{Client, Config};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::envoy::plane::Plane;
use crate::scrapes::{Batch, Scrapes, next_scrape};
use crate::stats::Series;

const NAMESPACE: &str = "ECS/ContainerInsights/Prometheus";
const METRIC: &str = "envoy_http_downstream_rq_xx";
/// A publication that takes longer is tried again.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The time between looks for batches whose delay is over.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The time until a publication that failed is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// CloudWatch keeps data of shorter periods only if they are published with a resolution of one second.
const STANDARD_PERIOD: Duration = Duration::from_secs(60);

/// How often counters are scraped, and how late CloudWatch has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The time between two scrapes, which is the period of a data point.
    pub period: Duration,
    /// The time between a scrape and CloudWatch having it.
    pub delay: Duration,
}

/// Publishes what all Envoys count; clones share the work.
#[derive(Debug, Clone)]
pub struct Publisher {
    client: Client,
    plane: Plane,
    pace: Pace,
    scrapes: Arc<Mutex<Scrapes>>,
}

impl Publisher {
    /// A publisher to the AWS `endpoint` of the local environment.
    pub fn new(plane: Plane, endpoint: &str, region: &str, pace: Pace) -> Self {
        let timeouts = TimeoutConfig::builder().operation_timeout(TIMEOUT).build();
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(endpoint)
            .region(Region::new(region.to_owned()))
            .credentials_provider(Credentials::new("test", "test", None, None, "local"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .timeout_config(timeouts)
            .build();
        Self { client: Client::from_conf(config), plane, pace, scrapes: Arc::default() }
    }

    /// Scrapes and publishes for as long as it is polled.
    pub async fn run(&self) {
        tokio::join!(self.scrape(), self.publish());
    }

    async fn scrape(&self) {
        loop {
            let now = SystemTime::now();
            let next = next_scrape(now, self.pace.period);
            sleep(next.duration_since(now).unwrap_or_default()).await;
            let at = SystemTime::now();
            let scraped = self.plane.sample_all().await;
            self.scrapes().add(at, scraped);
        }
    }

    /// After a failure a batch stays for the next time; if only the answer was lost, it is published twice, since
    /// CloudWatch knows no idempotency.
    async fn publish(&self) {
        let mut failed = false;
        loop {
            let due = self.scrapes().due(SystemTime::now(), self.pace.delay).cloned();
            let Some(batch) = due else {
                sleep(LOOK_EVERY).await;
                continue;
            };
            let request = self.client.put_metric_data().namespace(NAMESPACE);
            match request.set_metric_data(Some(data(&batch, self.pace.period))).send().await {
                Ok(_) => {
                    self.scrapes().published(&batch);
                    if std::mem::replace(&mut failed, false) {
                        info!("metrics are published again");
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut failed, true) {
                        let error = crate::chain(&error);
                        warn!("cannot publish metrics, trying again every {RETRY_AFTER:?}: {error}");
                    }
                    sleep(RETRY_AFTER).await;
                }
            }
        }
    }

    fn scrapes(&self) -> MutexGuard<'_, Scrapes> {
        self.scrapes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn data(batch: &Batch, period: Duration) -> Vec<MetricDatum> {
    let resolution = if period < STANDARD_PERIOD { 1 } else { 60 };
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
            .timestamp(batch.at.into())
            .storage_resolution(resolution)
            .unit(StandardUnit::Count)
            .value(count as f64)
            .build()
    };
    let series = batch.counts.iter();
    series
        .flat_map(|(series, classes)| {
            let classes = (1..).zip(classes);
            classes.map(move |(class, &count)| datum(series, class, count))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::stats::Labels;

    #[test]
    fn data_carry_the_scrape_s_time_and_one_second_resolution_below_a_minute() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(90);
        let labels = Labels { cluster: "demo".into(), family: "shop".into() };
        let counts = vec![(Series { labels, node: "shop-1".into() }, [0, 5, 0, 0, 2])];
        let batch = Batch { at, counts };
        for (period, resolution) in [(1, 1), (30, 1), (60, 60)] {
            let data = data(&batch, Duration::from_secs(period));
            assert_eq!(data.iter().map(|datum| datum.value().unwrap()).collect::<Vec<_>>(), [0.0, 5.0, 0.0, 0.0, 2.0]);
            assert!(data.iter().all(|datum| datum.timestamp().unwrap().secs() == 90));
            assert!(data.iter().all(|datum| datum.storage_resolution() == Some(resolution)));
        }
    }
}
