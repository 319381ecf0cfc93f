//! Brings one Envoy from one configuration to another without losing a request.
//!
//! What is added goes from the callee's end (addresses, clusters, then routes and listeners), what is removed from the
//! caller's end (routes and listeners, then addresses, then clusters). Each step waits until Envoy has accepted or rejected
//! the one before; a change of weights alone is one message.

use std::collections::BTreeSet;
use std::net::SocketAddrV4;
use std::time::Duration;

use envoy_types::util::pack_any;
use thiserror::Error;
use tokio::time::{Instant, sleep};

use super::admin::{Admin, Statistics};
use super::ads::{Kind, Session};
use super::clusters::assignment;
use super::looks::Looks;
use super::model::ProxyConfig;

/// How long Envoy may take to accept a step; it takes milliseconds, and longer where hundreds of tasks share the machine.
const ACCEPT_WITHIN: Duration = Duration::from_secs(30);
/// The time between the first two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How long requests on a cluster that nothing routes to any more are waited for.
const FINISH_WITHIN: Duration = Duration::from_secs(30);

/// How long Envoy may keep the counters of a cluster that is gone.
const FORGET_WITHIN: Duration = Duration::from_secs(1);

/// Clusters and listeners that Envoy has accepted but does not use yet: hosts are to be resolved or checked first.
const WARMING: [&str; 2] = ["cluster_manager.warming_clusters", "listener_manager.total_listeners_warming"];
const WARMING_FILTER: &str = "warming_clusters$|total_listeners_warming$";

/// Why an Envoy is not as wanted.
#[derive(Debug, Error)]
pub enum SyncError {
    /// Envoy refused resources and keeps what it had of them.
    #[error("Envoy rejected {}", .0.join("; "))]
    Rejected(Vec<String>),
    /// Envoy said nothing in time.
    #[error("Envoy did not take {} within {} seconds", .0.join(", "), ACCEPT_WITHIN.as_secs())]
    Silent(Vec<String>),
}

/// What one Envoy was last given.
#[derive(Debug)]
pub struct Syncer {
    session: Session,
    admin: Admin,
    current: ProxyConfig,
    /// Whether Envoy has clusters or listeners that may still be warming.
    warming: bool,
}

impl Syncer {
    /// Offers everything that an Envoy needs to be started with `config`.
    pub fn create(session: Session, admin: Admin, config: &ProxyConfig) -> Self {
        let mut syncer = Self { session, admin, current: ProxyConfig::default(), warming: false };
        for (cluster, addresses) in &config.endpoints {
            syncer.set_endpoints(cluster, addresses);
        }
        syncer.set_clusters(config);
        syncer.set_routes(config);
        syncer.set_listeners(config);
        syncer
    }

    /// Waits until Envoy has connected, has taken what it was offered, and is live.
    pub async fn started(&self) {
        while self.session.settled(ACCEPT_WITHIN).await.is_err() {}
        let mut looks = Looks::new(LOOK_EVERY, LOOK_EVERY * 20);
        while !self.admin.is_live().await {
            looks.pause().await;
        }
    }

    /// Makes the running Envoy do as `wanted`. What it rejects keeps nothing else from reaching it. Clusters that are no
    /// longer wanted stay until [`Syncer::remove_leftovers`].
    ///
    /// # Errors
    /// If Envoy rejects a part of it, or does not answer.
    pub async fn apply(&mut self, wanted: &ProxyConfig) -> Result<(), SyncError> {
        for (cluster, addresses) in &wanted.endpoints {
            if self.only_adds(cluster, addresses) {
                self.set_endpoints(cluster, addresses);
            }
        }
        self.set_clusters(wanted);
        self.settled().await?;
        self.set_routes(wanted);
        self.set_listeners(wanted);
        self.settled().await?;
        self.forget_routes(wanted);
        for (cluster, addresses) in &wanted.endpoints {
            self.set_endpoints(cluster, addresses);
        }
        self.settled().await?;
        match self.session.rejected() {
            rejected if rejected.is_empty() => Ok(()),
            rejected => Err(SyncError::Rejected(rejected)),
        }
    }

    /// Whether Envoy has clusters that `wanted` does not.
    pub fn has_leftovers(&self, wanted: &ProxyConfig) -> bool {
        self.leftovers(wanted).next().is_some()
    }

    /// Waits until no request is under way on a leftover cluster. May be dropped at any time.
    pub async fn leftovers_idle(&self, wanted: &ProxyConfig) {
        let leftovers = self.leftovers(wanted);
        let gauges: Vec<String> = leftovers.map(|name| format!("cluster.{name}.upstream_rq_active")).collect();
        let busy = |statistics: &Statistics| {
            let active = gauges.iter().filter_map(|gauge| statistics.number(gauge));
            active.sum::<u64>() > 0
        };
        let deadline = Instant::now() + FINISH_WITHIN;
        while Instant::now() < deadline {
            match self.admin.statistics("upstream_rq_active$").await {
                Ok(statistics) if !busy(&statistics) => return,
                _ => sleep(LOOK_EVERY * 10).await,
            }
        }
    }

    /// Removes the clusters and addresses that `wanted` does not have.
    ///
    /// # Errors
    /// If Envoy does not answer.
    pub async fn remove_leftovers(&mut self, wanted: &ProxyConfig) -> Result<(), SyncError> {
        let leftovers: Vec<String> = self.leftovers(wanted).cloned().collect();
        self.session.change(|resources| {
            for cluster in &leftovers {
                resources.remove(Kind::Cluster, cluster);
            }
        });
        self.current.clusters.retain(|name, _| wanted.clusters.contains_key(name));
        self.settled().await?;
        self.counters_gone(&leftovers).await;
        let endpoints = self.current.endpoints.extract_if(.., |name, _| !wanted.endpoints.contains_key(name));
        for (cluster, _) in endpoints {
            self.session.change(|resources| resources.remove(Kind::Endpoints, &cluster));
        }
        Ok(())
    }

    /// Waits until Envoy has no counters of `clusters` any more, for a short time. If one of them came back before, its
    /// counters would go on, or start again, and nobody could tell which.
    async fn counters_gone(&self, clusters: &[String]) {
        let names: Vec<String> = clusters.iter().map(|name| format!("cluster.{name}.upstream_rq_total")).collect();
        let deadline = Instant::now() + FORGET_WITHIN;
        while let Ok(statistics) = self.admin.statistics("upstream_rq_total$").await {
            let gone = names.iter().all(|name| statistics.number(name).is_none());
            if gone || Instant::now() > deadline {
                return;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    fn leftovers<'a>(&'a self, wanted: &'a ProxyConfig) -> impl Iterator<Item = &'a String> {
        let have = self.current.clusters.keys();
        have.filter(|name| !wanted.clusters.contains_key(*name))
    }

    fn only_adds(&self, cluster: &str, addresses: &BTreeSet<SocketAddrV4>) -> bool {
        let before = self.current.endpoints.get(cluster);
        before.is_none_or(|before| before != addresses && before.is_subset(addresses))
    }

    /// Waits until Envoy has accepted or rejected all that it was sent, and uses what it accepted.
    async fn settled(&mut self) -> Result<(), SyncError> {
        self.session.settled(ACCEPT_WITHIN).await.map_err(SyncError::Silent)?;
        let deadline = Instant::now() + ACCEPT_WITHIN;
        let mut looks = Looks::new(LOOK_EVERY, LOOK_EVERY * 20);
        while self.warming {
            if let Ok(statistics) = self.admin.statistics(WARMING_FILTER).await {
                self.warming = WARMING.iter().filter_map(|gauge| statistics.number(gauge)).sum::<u64>() > 0;
            }
            if self.warming && Instant::now() > deadline {
                return Err(SyncError::Silent(vec!["clusters and listeners that are warming".to_owned()]));
            }
            if self.warming {
                looks.pause().await;
            }
        }
        Ok(())
    }

    fn set_endpoints(&mut self, cluster: &str, addresses: &BTreeSet<SocketAddrV4>) {
        if self.current.endpoints.get(cluster) == Some(addresses) {
            return;
        }
        let hosts = addresses.iter().map(|address| (*address.ip(), address.port()));
        let content = pack_any(assignment(cluster, hosts));
        self.session.change(|resources| resources.set(Kind::Endpoints, cluster, content));
        self.current.endpoints.insert(cluster.to_owned(), addresses.clone());
    }

    fn set_clusters(&mut self, wanted: &ProxyConfig) {
        let changed =
            wanted.clusters.iter().filter(|(name, cluster)| self.current.clusters.get(*name) != Some(cluster));
        let changed: Vec<_> = changed.map(|(name, cluster)| (name.clone(), cluster.clone())).collect();
        self.warming |= !changed.is_empty();
        self.session.change(|resources| {
            for (name, cluster) in &changed {
                resources.set(Kind::Cluster, name, pack_any(cluster.clone()));
                resources.resend(Kind::Endpoints, name);
            }
        });
        self.current.clusters.extend(changed);
    }

    fn set_routes(&mut self, wanted: &ProxyConfig) {
        self.session.change(|resources| {
            for (name, table) in &wanted.routes {
                if self.current.routes.get(name) != Some(table) {
                    resources.set(Kind::Routes, name, pack_any(table.clone()));
                }
            }
        });
        self.current.routes.extend(wanted.routes.clone());
    }

    fn set_listeners(&mut self, wanted: &ProxyConfig) {
        self.warming |= wanted.listeners != self.current.listeners;
        self.session.change(|resources| {
            for (name, listener) in &wanted.listeners {
                if self.current.listeners.get(name) != Some(listener) {
                    resources.set(Kind::Listener, name, pack_any(listener.clone()));
                }
            }
            for name in self.current.listeners.keys().filter(|name| !wanted.listeners.contains_key(*name)) {
                resources.remove(Kind::Listener, name);
            }
        });
        self.current.listeners.clone_from(&wanted.listeners);
    }

    fn forget_routes(&mut self, wanted: &ProxyConfig) {
        let gone = self.current.routes.extract_if(.., |name, _| !wanted.routes.contains_key(name));
        for (name, _) in gone {
            self.session.change(|resources| resources.remove(Kind::Routes, &name));
        }
    }
}

#[cfg(test)]
#[path = "sync_tests.rs"]
mod tests;
