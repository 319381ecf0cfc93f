//! Envoy's counters, added up over tasks that come and go, so that totals never decrease.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::envoy::admin::Statistics;
use crate::envoy::egress_name;
use crate::envoy::role::{Role, RoleKind};

/// The statistics that a [`Sample`] is read from.
pub const FILTER: &str = "^http.ingress.downstream_rq_(total|.xx)$|^cluster.cds_egress_.*.upstream_rq_(total|retry)$";

/// The classes of status codes, 1xx to 5xx.
pub type Classes = [u64; 5];

/// What CloudWatch's dimensions say of a task.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Labels {
    /// The ECS cluster's name.
    pub cluster: String,
    /// The task definition's family.
    pub family: String,
}

/// The dimensions under which a virtual node's counts are published.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series {
    /// Cluster and family.
    pub labels: Labels,
    /// The virtual node's name.
    pub node: String,
}

/// One Envoy's counters at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sample {
    requests: u64,
    /// Absent if this Envoy takes no HTTP.
    classes: Option<Classes>,
    /// Requests and retries by egress cluster.
    sent: BTreeMap<String, [u64; 2]>,
}

impl Sample {
    /// Reads a sample from an Envoy's statistics.
    pub fn read(statistics: &Statistics) -> Self {
        let class = |class| statistics.number(&format!("http.ingress.downstream_rq_{class}xx"));
        let classes = [class(1), class(2), class(3), class(4), class(5)];
        let mut sent: BTreeMap<String, [u64; 2]> = BTreeMap::new();
        for (name, count) in statistics.numbers() {
            let Some(name) = name.strip_prefix("cluster.") else {
                continue;
            };
            if let Some(cluster) = name.strip_suffix(".upstream_rq_total") {
                sent.entry(cluster.to_owned()).or_default()[0] = count;
            } else if let Some(cluster) = name.strip_suffix(".upstream_rq_retry") {
                sent.entry(cluster.to_owned()).or_default()[1] = count;
            }
        }
        Self {
            requests: statistics.number("http.ingress.downstream_rq_total").unwrap_or(0),
            classes: classes[1].map(|_| classes.map(Option::unwrap_or_default)),
            sent,
        }
    }
}

/// Totals of one virtual node or gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// HTTP requests that its Envoys took.
    pub requests: u64,
    /// Of these, those answered with each class of status codes; classes that never occurred are left out.
    pub classes: BTreeMap<usize, u64>,
    /// First attempts that callers' Envoys sent to it (for TCP: connections).
    pub sent: u64,
}

/// All totals, and what is still to be published of them.
#[derive(Debug, Default)]
pub struct Book {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    nodes: BTreeMap<String, Totals>,
    gateways: BTreeMap<String, Totals>,
    /// Requests and retries by virtual node: retries are subtracted when read, because a retry can be counted in a
    /// later sample than its request.
    sent: BTreeMap<String, [u64; 2]>,
    unpublished: BTreeMap<Series, Classes>,
}

impl Book {
    /// Makes the totals of `role` exist, at 0 if nothing was counted.
    pub fn open(&self, role: &Role) {
        self.inner().totals(role);
    }

    /// Adds what an Envoy counted between two samples.
    pub fn record(&self, role: &Role, labels: &Labels, before: &Sample, now: &Sample) {
        let mut inner = self.inner();
        let totals = inner.totals(role);
        totals.requests += since(before.requests, now.requests);
        if let Some(classes) = now.classes {
            let old = before.classes.unwrap_or_default();
            let added: Classes = std::array::from_fn(|at| since(old[at], classes[at]));
            for (at, &count) in added.iter().enumerate().filter(|(_, count)| **count > 0) {
                *totals.classes.entry(at + 1).or_default() += count;
            }
            if role.kind == RoleKind::VirtualNode {
                let series = Series { labels: labels.clone(), node: role.name.clone() };
                let unpublished = inner.unpublished.entry(series).or_default();
                add(unpublished, added);
            }
        }
        let prefix = egress_name(&role.mesh, "");
        for (cluster, now) in &now.sent {
            let old = before.sent.get(cluster).copied().unwrap_or_default();
            if let Some(node) = cluster.strip_prefix(&prefix) {
                let sent = inner.sent.entry(node.to_owned()).or_default();
                sent[0] += since(old[0], now[0]);
                sent[1] += since(old[1], now[1]);
            }
        }
    }

    /// Totals by virtual node.
    pub fn nodes(&self) -> BTreeMap<String, Totals> {
        let inner = self.inner();
        let mut nodes = inner.nodes.clone();
        for (node, [requests, retries]) in &inner.sent {
            if let Some(totals) = nodes.get_mut(node) {
                totals.sent = requests.saturating_sub(*retries);
            }
        }
        nodes
    }

    /// Totals by virtual gateway.
    pub fn gateways(&self) -> BTreeMap<String, Totals> {
        self.inner().gateways.clone()
    }

    /// What was counted since it was last published.
    pub fn unpublished(&self) -> Vec<(Series, Classes)> {
        let inner = self.inner();
        let open = inner.unpublished.iter();
        open.map(|(series, counts)| (series.clone(), *counts)).collect()
    }

    /// Takes note that `published` was. Series that are quiet until the next sample disappear, and come back with it.
    pub fn published(&self, published: &[(Series, Classes)]) {
        let mut inner = self.inner();
        for (series, counts) in published {
            if let Some(open) = inner.unpublished.get_mut(series) {
                *open = std::array::from_fn(|at| open[at].saturating_sub(counts[at]));
            }
        }
        inner.unpublished.retain(|_, open| *open != Classes::default());
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn totals(&mut self, role: &Role) -> &mut Totals {
        let all = match role.kind {
            RoleKind::VirtualNode => &mut self.nodes,
            RoleKind::VirtualGateway => &mut self.gateways,
        };
        all.entry(role.name.clone()).or_default()
    }
}

fn add(to: &mut Classes, added: Classes) {
    for (to, added) in to.iter_mut().zip(added) {
        *to += added;
    }
}

/// What a counter gained. A lower value than before is a new counter of the same name: a cluster that was removed and
/// came back.
fn since(before: u64, now: u64) -> u64 {
    now.checked_sub(before).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn role(kind: RoleKind, name: &str) -> Role {
        Role { mesh: "demo".into(), kind, name: name.into() }
    }

    fn labels() -> Labels {
        Labels { cluster: "demo".into(), family: "shop".into() }
    }

    fn counts(book: &Book) -> Vec<Classes> {
        book.unpublished().into_iter().map(|(_, counts)| counts).collect()
    }

    fn statistics(values: &[(&str, u64)]) -> Sample {
        Sample::read(&values.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect())
    }

    fn served(total: u64, errors: u64) -> Sample {
        statistics(&[
            ("http.ingress.downstream_rq_total", total),
            ("http.ingress.downstream_rq_2xx", total - errors),
            ("http.ingress.downstream_rq_5xx", errors),
        ])
    }

    fn called(total: u64, retries: u64) -> Sample {
        statistics(&[
            ("cluster.cds_egress_demo_shop-1.upstream_rq_total", total),
            ("cluster.cds_egress_demo_shop-1.upstream_rq_retry", retries),
        ])
    }

    #[test]
    fn totals_add_up_over_tasks_and_survive_a_counter_that_starts_again() {
        let book = Book::default();
        let node = role(RoleKind::VirtualNode, "shop-1");
        book.record(&node, &labels(), &Sample::default(), &served(10, 1));
        book.record(&node, &labels(), &served(10, 1), &served(15, 2));
        book.record(&node, &labels(), &Sample::default(), &served(4, 0));
        let totals = book.nodes().remove("shop-1").unwrap_or_default();
        assert_eq!(totals.requests, 19);
        assert_eq!(totals.classes, BTreeMap::from([(2, 17), (5, 2)]));

        let gateway = role(RoleKind::VirtualGateway, "ingress");
        book.record(&gateway, &labels(), &Sample::default(), &called(30, 5));
        book.record(&gateway, &labels(), &called(30, 5), &called(7, 0));
        assert_eq!(book.nodes()["shop-1"].sent, 32);
    }

    #[test]
    fn what_was_counted_stays_unpublished_until_it_is() {
        let book = Book::default();
        let node = role(RoleKind::VirtualNode, "shop-1");
        book.record(&node, &labels(), &Sample::default(), &served(10, 1));
        let first = book.unpublished();
        assert_eq!(counts(&book), [[0, 9, 0, 0, 1]]);
        book.record(&node, &labels(), &served(10, 1), &served(12, 1));
        assert_eq!(counts(&book), [[0, 11, 0, 0, 1]]);
        book.published(&first);
        assert_eq!(counts(&book), [[0, 2, 0, 0, 0]]);
        book.published(&book.unpublished());
        assert_eq!(book.unpublished(), []);
        // A quiet task is published as zeros.
        book.record(&node, &labels(), &served(12, 1), &served(12, 1));
        assert_eq!(counts(&book), [[0; 5]]);
    }

    #[test]
    fn an_envoy_without_http_has_nothing_to_publish() {
        let book = Book::default();
        let node = role(RoleKind::VirtualNode, "db-1");
        book.record(&node, &labels(), &Sample::default(), &called(3, 0));
        assert_eq!(book.unpublished(), []);
        assert_eq!(book.nodes()["db-1"], Totals::default());
    }
}
