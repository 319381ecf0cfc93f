//! All Envoys together: each change of App Mesh, Cloud Map or the tasks becomes new configurations, which each Envoy's
//! own worker brings to it.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use local_appmesh::Store;
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::error;

use super::admin::Admin;
use super::ads::Ads;
use super::bootstrap;
use super::member::{Member, Wanted};
use super::model::{EGRESS_PORT, Proxy, World};
use super::role::RoleKind;
use super::sync::SyncError;
use super::{egress_ports, generate, http_services};
use crate::discovery::Discovery;
use crate::scrapes::Scraped;
use crate::stats::{Book, FILTER, Labels, Sample, Series};

/// A handle to all Envoys; clones share them.
#[derive(Debug, Clone)]
pub struct Plane {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    client: reqwest::Client,
    ads: Ads,
    book: Book,
    state: Mutex<State>,
    progress: watch::Sender<()>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    discovery: Arc<Discovery>,
    pub(super) members: BTreeMap<String, Member>,
    round: u64,
}

/// An Envoy that did not take its configuration.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Problem {
    /// The task's id.
    pub task: String,
    /// The resource that the Envoy is.
    pub resource: String,
    /// What went wrong.
    pub message: String,
}

/// An Envoy's bootstrap file could not be written.
#[derive(Debug, Error)]
#[error("cannot write Envoy's bootstrap file `{}`", .0.display())]
pub struct BootstrapError(PathBuf, #[source] io::Error);

impl Plane {
    /// No Envoys yet, over the resources in `store`. They are configured through `ads`.
    pub fn new(store: Store, client: reqwest::Client, ads: Ads) -> Self {
        let (book, state) = (Book::default(), Mutex::default());
        let inner = Inner { store, client, ads, book, state, progress: watch::Sender::new(()) };
        Self { inner: Arc::new(inner) }
    }

    /// Follows App Mesh for as long as it is polled.
    pub async fn follow_mesh(&self) {
        let mut changes = self.inner.store.subscribe();
        while changes.changed().await.is_ok() {
            self.refresh();
        }
    }

    /// Replaces what Cloud Map knows.
    pub fn set_discovery(&self, discovery: Discovery) {
        self.state().discovery = Arc::new(discovery);
        self.refresh();
    }

    /// Signals whenever an Envoy became live or took a configuration.
    pub fn progress(&self) -> watch::Receiver<()> {
        self.inner.progress.subscribe()
    }

    /// Where the counters of all Envoys come together.
    pub fn book(&self) -> &Book {
        &self.inner.book
    }

    /// The current App Mesh resources.
    pub fn mesh(&self) -> Arc<local_appmesh::Snapshot> {
        self.inner.store.snapshot()
    }

    /// Prepares the Envoy `proxy`; it can be started with the file [`bootstrap::path`].
    ///
    /// # Errors
    /// If that file cannot be written.
    pub fn attach(&self, proxy: Proxy, labels: Labels) -> Result<(), BootstrapError> {
        bootstrap::write(&proxy, &self.inner.ads.socket())
            .map_err(|error| BootstrapError(bootstrap::path(&proxy.directory), error))?;
        let task = proxy.task.clone();
        self.inner.book.open(&proxy.role);
        let admin = Admin::new(self.inner.client.clone(), proxy.address);
        self.state().members.insert(task.clone(), Member::new(proxy, admin, labels));
        self.refresh();
        let session = self.inner.ads.open(&task);
        self.with_member(&task, |member| member.prepare(session));
        Ok(())
    }

    /// Takes note that the Envoy of `task` was started, and keeps it configured from when it is live.
    pub fn launched(&self, task: &str) {
        self.with_member(task, |member| member.start(self.clone(), task));
    }

    /// Takes note that the Envoy of `task` is gone.
    pub fn ended(&self, task: &str) {
        self.with_member(task, Member::end);
        self.refresh();
        self.inner.progress.send_replace(());
    }

    /// Forgets the Envoy of `task`.
    pub fn detach(&self, task: &str) {
        self.ended(task);
        self.inner.ads.close(task);
        self.state().members.remove(task);
    }

    /// Whether the Envoy of `task` has all its configuration and serves.
    pub fn is_live(&self, task: &str) -> bool {
        let state = self.state();
        state.members.get(task).is_some_and(|member| member.live)
    }

    /// Where the application of `task` reaches each virtual service that it knows: `address:port` by service.
    pub fn egress(&self, task: &str) -> BTreeMap<String, String> {
        let mesh = self.inner.store.snapshot();
        let state = self.state();
        let Some(member) = state.members.get(task) else {
            return BTreeMap::new();
        };
        let proxy = &member.proxy;
        let sidecars = BTreeMap::new();
        let world = World { mesh: &mesh, discovery: &state.discovery, sidecars: &sidecars };
        let http = http_services(world, proxy).into_iter().map(|name| (name, EGRESS_PORT));
        http.chain(proxy.egress_ports.clone()).map(|(name, port)| (name, format!("{}:{port}", proxy.address))).collect()
    }

    /// Envoys that did not take their configuration.
    pub fn problems(&self) -> Vec<Problem> {
        let state = self.state();
        let members = state.members.iter();
        members
            .filter_map(|(task, member)| {
                Some(Problem {
                    task: task.clone(),
                    resource: member.proxy.role.to_string(),
                    message: member.problem.clone()?,
                })
            })
            .collect()
    }

    /// Reads the counters of all live Envoys into the book; also returns those of the virtual nodes.
    pub async fn sample_all(&self) -> Vec<Scraped> {
        let live: Vec<String> = {
            let state = self.state();
            let members = state.members.iter().filter(|(_, member)| member.live);
            members.map(|(task, _)| task.clone()).collect()
        };
        let mut samples = JoinSet::new();
        for task in live {
            let plane = self.clone();
            samples.spawn(async move { plane.sample(&task).await });
        }
        samples.join_all().await.into_iter().flatten().collect()
    }

    /// Reads the counters of the Envoy of `task` into the book; also returns them if it is a virtual node's that takes HTTP.
    pub async fn sample(&self, task: &str) -> Option<Scraped> {
        let (admin, role, labels, last) = self.with_member(task, |member| {
            let last = member.sample.clone();
            (member.admin.clone(), member.proxy.role.clone(), member.labels.clone(), last)
        })?;
        // Held while asking, so that samples are taken in the order of their answers.
        let mut last = last.lock().await;
        let answer = admin.statistics(FILTER).await.ok();
        let now = answer.map(|statistics| Sample::read(&statistics));
        if let Some(now) = &now {
            self.inner.book.record(&role, &last, now);
            *last = now.clone();
        }
        let counters = now.map(|now| now.classes());
        let published = role.kind == RoleKind::VirtualNode && counters != Some(None);
        let series = Series { labels, node: role.name };
        published.then(|| Scraped { task: task.to_owned(), series, counters: counters.flatten() })
    }

    /// The live Envoys.
    pub fn live(&self) -> Vec<Proxy> {
        let state = self.state();
        let live = state.members.values().filter(|member| member.live);
        live.map(|member| member.proxy.clone()).collect()
    }

    /// Works out every Envoy's configuration anew, and returns the number of this round.
    pub(super) fn refresh(&self) -> u64 {
        let mesh = self.inner.store.snapshot();
        let mut state = self.state();
        let State { discovery, members, round } = &mut *state;
        *round += 1;
        let mut sidecars = BTreeMap::new();
        for member in members.values() {
            // A gateway's next Envoy may have the address of one that has ended.
            *sidecars.entry(member.proxy.address).or_insert(false) |= member.takes_requests();
        }
        let world = World { mesh: &mesh, discovery, sidecars: &sidecars };
        for member in members.values_mut() {
            member.proxy.egress_ports = egress_ports(world, &member.proxy);
            let config = generate(world, &member.proxy);
            member.want(*round, config);
        }
        *round
    }

    pub(super) fn with_member<T>(&self, task: &str, f: impl FnOnce(&mut Member) -> T) -> Option<T> {
        self.state().members.get_mut(task).map(f)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn took(&self, task: &str, wanted: &Wanted, result: &Result<(), SyncError>) {
        let (before, changed) =
            self.with_member(task, |member| (member.problem.clone(), member.took(wanted, result))).unwrap_or_default();
        // What is tried every second is told once.
        let problem = result.as_ref().err().map(|problem| crate::chain(problem));
        if let Some(problem) = problem.filter(|problem| before.as_ref() != Some(problem)) {
            error!(task, problem, "an Envoy did not take its configuration");
        }
        if changed {
            self.refresh();
        }
        self.inner.progress.send_replace(());
    }
}
