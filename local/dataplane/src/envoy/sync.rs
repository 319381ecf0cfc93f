//! Brings one Envoy from one configuration to another without losing a request.
//!
//! What is added goes from the callee's end (addresses, clusters, then routes), what is removed from the caller's end
//! (routes, then addresses, then clusters). Each step waits until Envoy says that it took the one before; a
//! change of weights alone is one file and waits for nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use thiserror::Error;
use tokio::time::{Instant, sleep};

use super::admin::{Admin, Statistics};
use super::bootstrap::bootstrap;
use super::clusters::assignment;
use super::envoy_log::EnvoyLog;
use super::files::{self, Kind};
use super::looks::Looks;
use super::model::{Proxy, ProxyConfig};
use super::routes::EGRESS;

/// How long Envoy may take to accept a file; it takes milliseconds, and longer where hundreds of tasks share the machine.
const ACCEPT_WITHIN: Duration = Duration::from_secs(30);
/// The time between the first two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How long requests on a cluster that nothing routes to any more are waited for.
const FINISH_WITHIN: Duration = Duration::from_secs(30);

/// How long Envoy may keep the counters of a cluster that is gone.
const FORGET_WITHIN: Duration = Duration::from_secs(1);

const STATISTICS: &str = "version_text$|update_rejected$|total_listeners_warming$|warming_clusters$";

/// Why an Envoy is not as wanted.
#[derive(Debug, Error)]
pub enum SyncError {
    /// A file could not be written.
    #[error("cannot write Envoy's files in `{}`", .0.display())]
    Write(PathBuf, #[source] io::Error),
    /// Envoy refused resources and keeps what it had of them.
    #[error("Envoy rejected {}", .0.join("; "))]
    Rejected(Vec<String>),
    /// Envoy said nothing in time.
    #[error("Envoy did not take {0:?} within {ACCEPT_WITHIN:?}")]
    Silent(Vec<String>),
}

/// One Envoy's files, and what it was last given.
#[derive(Debug)]
pub struct Syncer {
    directory: PathBuf,
    admin: Admin,
    current: ProxyConfig,
    version: u64,
    /// Versions that Envoy has not confirmed yet, by the statistic that will show them.
    awaited: BTreeMap<String, String>,
    /// How often Envoy rejected each resource so far.
    rejections: BTreeMap<String, u64>,
    /// What Envoy rejected of the configuration that is being applied, each with its reason.
    rejected: Vec<String>,
    log: EnvoyLog,
    /// After a failure Envoy may have part of what it was given only: everything is to be written again.
    doubtful: bool,
}

impl Syncer {
    /// Writes everything that an Envoy needs to be started with `config`.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn create(proxy: &Proxy, admin: Admin, config: &ProxyConfig) -> Result<Self, SyncError> {
        let mut syncer = Self {
            directory: proxy.directory.clone(),
            admin,
            current: ProxyConfig::default(),
            version: 0,
            awaited: BTreeMap::new(),
            rejections: BTreeMap::new(),
            rejected: Vec::new(),
            log: EnvoyLog::new(proxy.log.clone()),
            doubtful: false,
        };
        let bootstrap_path = files::bootstrap_path(&proxy.directory);
        files::create_directories(&proxy.directory)
            .and_then(|()| files::write(&bootstrap_path, &bootstrap(proxy)))
            .map_err(|error| SyncError::Write(proxy.directory.clone(), error))?;
        for (cluster, addresses) in &config.endpoints {
            syncer.write_endpoints(cluster, addresses)?;
        }
        for (name, table) in &config.routes {
            syncer.write_routes(name, table)?;
        }
        syncer.write_clusters(config.clusters.clone())?;
        syncer.write_listeners(config.listeners.clone())?;
        // Envoy is live only after it took all of these.
        syncer.awaited.clear();
        Ok(syncer)
    }

    /// Makes the running Envoy do as `wanted`. What it rejects keeps nothing else from reaching it. Clusters that are no longer wanted stay until
    /// [`Syncer::remove_leftovers`].
    ///
    /// # Errors
    /// If a file cannot be written, or Envoy does not take it.
    pub async fn apply(&mut self, wanted: &ProxyConfig) -> Result<(), SyncError> {
        let everything = std::mem::replace(&mut self.doubtful, true);
        self.rejected.clear();
        self.log.skip();
        for (cluster, addresses) in &wanted.endpoints {
            if everything || self.only_adds(cluster, addresses) {
                self.write_endpoints(cluster, addresses)?;
            }
        }
        let mut clusters = self.current.clusters.clone();
        clusters.extend(wanted.clusters.clone());
        if everything || clusters != self.current.clusters {
            self.write_clusters(clusters)?;
            self.confirmed().await?;
        }
        for (name, table) in &wanted.routes {
            if everything || self.current.routes.get(name) != Some(table) {
                self.write_routes(name, table)?;
            }
        }
        if everything || wanted.listeners != self.current.listeners {
            self.write_listeners(wanted.listeners.clone())?;
        }
        self.confirmed().await?;
        for (cluster, addresses) in &wanted.endpoints {
            if self.current.endpoints.get(cluster) != Some(addresses) {
                self.write_endpoints(cluster, addresses)?;
            }
        }
        self.confirmed().await?;
        if !self.rejected.is_empty() {
            return Err(SyncError::Rejected(std::mem::take(&mut self.rejected)));
        }
        self.doubtful = false;
        Ok(())
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

    /// Removes the clusters, addresses and route tables that `wanted` does not have.
    ///
    /// # Errors
    /// As [`Syncer::apply`].
    pub async fn remove_leftovers(&mut self, wanted: &ProxyConfig) -> Result<(), SyncError> {
        let leftovers: Vec<String> = self.leftovers(wanted).cloned().collect();
        self.write_clusters(wanted.clusters.clone())?;
        self.confirmed().await?;
        self.counters_gone(&leftovers).await;
        let gone: Vec<String> = self.current.endpoints.keys().cloned().collect();
        for cluster in gone.iter().filter(|name| !wanted.endpoints.contains_key(*name)) {
            self.current.endpoints.remove(cluster);
            // A file that stays behind does no harm: nothing refers to it.
            let _ = std::fs::remove_file(files::endpoints_path(&self.directory, cluster));
        }
        self.current.routes.retain(|name, _| wanted.routes.contains_key(name));
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

    /// Waits until Envoy confirmed or rejected every file written so far.
    async fn confirmed(&mut self) -> Result<(), SyncError> {
        let deadline = Instant::now() + ACCEPT_WITHIN;
        let mut looks = Looks::new(LOOK_EVERY, LOOK_EVERY * 5);
        loop {
            if let Ok(statistics) = self.admin.statistics(STATISTICS).await {
                for resource in self.new_rejections(&statistics) {
                    self.awaited.remove(&format!("{resource}.version_text"));
                    let reason = self.log.rejection().unwrap_or_else(|| "its container's log says why".to_owned());
                    self.rejected.push(format!("`{resource}`: {reason}"));
                }
                self.awaited.retain(|name, version| statistics.text(name) != Some(version));
                let warming = ["cluster_manager.warming_clusters", "listener_manager.total_listeners_warming"];
                let warming = warming.iter().filter_map(|gauge| statistics.number(gauge));
                if self.awaited.is_empty() && warming.sum::<u64>() == 0 {
                    return Ok(());
                }
            }
            if Instant::now() > deadline {
                let silent = std::mem::take(&mut self.awaited).into_keys().collect();
                return Err(SyncError::Silent(silent));
            }
            looks.pause().await;
        }
    }

    fn new_rejections(&mut self, statistics: &Statistics) -> Vec<String> {
        let mut found = Vec::new();
        for (name, count) in statistics.numbers() {
            let Some(resource) = name.strip_suffix(".update_rejected") else {
                continue;
            };
            let before = self.rejections.insert(resource.to_owned(), count);
            if count > before.unwrap_or(0) {
                found.push(resource.to_owned());
            }
        }
        found
    }

    fn write_endpoints(&mut self, cluster: &str, addresses: &BTreeSet<SocketAddrV4>) -> Result<(), SyncError> {
        let hosts = addresses.iter().map(|address| (*address.ip(), address.port()));
        let assignment = assignment(cluster, hosts);
        let path = files::endpoints_path(&self.directory, cluster);
        self.write(path, Kind::Endpoints, [&assignment], format!("cluster.{cluster}"))?;
        if !self.current.clusters.contains_key(cluster) {
            // Envoy reads it with the cluster, which it is asked about then.
            self.awaited.remove(&format!("cluster.{cluster}.version_text"));
        }
        self.current.endpoints.insert(cluster.to_owned(), addresses.clone());
        Ok(())
    }

    fn write_routes(&mut self, name: &str, table: &Value) -> Result<(), SyncError> {
        let prefix = if name == EGRESS { "egress" } else { "ingress" };
        let path = files::routes_path(&self.directory, name);
        self.write(path, Kind::Routes, [table], format!("http.{prefix}.rds.{name}"))?;
        self.current.routes.insert(name.to_owned(), table.clone());
        Ok(())
    }

    fn write_clusters(&mut self, clusters: BTreeMap<String, Value>) -> Result<(), SyncError> {
        let path = files::clusters_path(&self.directory);
        let source = "cluster_manager.cds".to_owned();
        self.write(path, Kind::Cluster, clusters.values(), source)?;
        self.current.clusters = clusters;
        Ok(())
    }

    fn write_listeners(&mut self, listeners: BTreeMap<String, Value>) -> Result<(), SyncError> {
        let path = files::listeners_path(&self.directory);
        let source = "listener_manager.lds".to_owned();
        self.write(path, Kind::Listener, listeners.values(), source)?;
        self.current.listeners = listeners;
        Ok(())
    }

    fn write<'a>(
        &mut self,
        path: PathBuf,
        kind: Kind,
        resources: impl IntoIterator<Item = &'a Value>,
        source: String,
    ) -> Result<(), SyncError> {
        self.version += 1;
        let version = self.version.to_string();
        files::write_resources(&path, kind, &version, resources)
            .map_err(|error| SyncError::Write(self.directory.clone(), error))?;
        self.awaited.insert(format!("{source}.version_text"), version);
        Ok(())
    }
}
