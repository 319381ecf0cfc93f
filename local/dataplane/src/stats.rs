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
    /// The requests of each class; nothing if this Envoy takes no HTTP.
    pub fn classes(&self) -> Option<Classes> {
        self.classes
    }

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

/// All totals, by the resource whose they are: two meshes may have a node or a gateway of the same name.
#[derive(Debug, Default)]
pub struct Book {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    totals: BTreeMap<Role, Totals>,
    /// Requests and retries by virtual node: retries are subtracted when read, because a retry can be counted in a
    /// later sample than its request.
    sent: BTreeMap<Role, [u64; 2]>,
}

impl Book {
    /// Makes the totals of `role` exist, at 0 if nothing was counted.
    pub fn open(&self, role: &Role) {
        self.inner().totals.entry(role.clone()).or_default();
    }

    /// Adds what an Envoy counted between two samples.
    pub fn record(&self, role: &Role, before: &Sample, now: &Sample) {
        let mut inner = self.inner();
        let totals = inner.totals.entry(role.clone()).or_default();
        totals.requests += since(before.requests, now.requests);
        if let Some(classes) = now.classes {
            let old = before.classes.unwrap_or_default();
            let added: Classes = std::array::from_fn(|at| since(old[at], classes[at]));
            for (at, &count) in added.iter().enumerate().filter(|(_, count)| **count > 0) {
                *totals.classes.entry(at + 1).or_default() += count;
            }
        }
        let prefix = egress_name(&role.mesh, "");
        for (cluster, now) in &now.sent {
            let old = before.sent.get(cluster).copied().unwrap_or_default();
            if let Some(name) = cluster.strip_prefix(&prefix) {
                let node = Role { mesh: role.mesh.clone(), kind: RoleKind::VirtualNode, name: name.to_owned() };
                let sent = inner.sent.entry(node).or_default();
                sent[0] += since(old[0], now[0]);
                sent[1] += since(old[1], now[1]);
            }
        }
    }

    /// The totals of every virtual node and gateway.
    pub fn totals(&self) -> BTreeMap<Role, Totals> {
        let inner = self.inner();
        let mut all = inner.totals.clone();
        for (node, [requests, retries]) in &inner.sent {
            if let Some(totals) = all.get_mut(node) {
                totals.sent = requests.saturating_sub(*retries);
            }
        }
        all
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a counter gained. A lower value than before is a new counter of the same name: a cluster that was removed and
/// came back.
pub fn since(before: u64, now: u64) -> u64 {
    now.checked_sub(before).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn role(kind: RoleKind, name: &str) -> Role {
        Role { mesh: "demo".into(), kind, name: name.into() }
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
        book.record(&node, &Sample::default(), &served(10, 1));
        book.record(&node, &served(10, 1), &served(15, 2));
        book.record(&node, &Sample::default(), &served(4, 0));
        let totals = book.totals().remove(&node).unwrap_or_default();
        assert_eq!(totals.requests, 19);
        assert_eq!(totals.classes, BTreeMap::from([(2, 17), (5, 2)]));

        let gateway = role(RoleKind::VirtualGateway, "ingress");
        book.record(&gateway, &Sample::default(), &called(30, 5));
        book.record(&gateway, &called(30, 5), &called(7, 0));
        assert_eq!(book.totals()[&node].sent, 32);
    }

    #[test]
    fn an_envoy_without_http_has_no_classes() {
        let book = Book::default();
        let node = role(RoleKind::VirtualNode, "db-1");
        book.record(&node, &Sample::default(), &called(3, 0));
        assert_eq!(called(3, 0).classes(), None);
        assert_eq!(book.totals()[&node], Totals::default());
    }

    #[test]
    fn the_same_name_in_two_meshes_is_two_resources() {
        let book = Book::default();
        let here = role(RoleKind::VirtualGateway, "ingress");
        let there = Role { mesh: "other".into(), ..here.clone() };
        let node = role(RoleKind::VirtualNode, "shop-1");
        let namesake = Role { mesh: "other".into(), ..node.clone() };
        book.open(&node);
        book.open(&namesake);
        book.record(&here, &Sample::default(), &called(3, 0));
        book.record(&there, &Sample::default(), &served(10, 0));
        let totals = book.totals();
        assert_eq!([&here, &there].map(|role| totals[role].requests), [0, 10]);
        assert_eq!([&node, &namesake].map(|role| totals[role].sent), [3, 0]);
    }
}
