//! All Envoys together: each change of App Mesh, Cloud Map or the tasks becomes new configurations, which each Envoy's
//! own worker brings to it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use local_appmesh::Store;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, info, warn};

use super::admin::{Admin, Statistics};
use super::model::{EGRESS_PORT, Proxy, ProxyConfig, World};
use super::role::RoleKind;
use super::sync::{SyncError, Syncer};
use super::{egress_ports, generate, http_services};
use crate::discovery::Discovery;
use crate::stats::{Book, Labels, Sample};

/// The time between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long the other Envoys may take to stop calling a task that is to end.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);
/// How long an Envoy must have had no new request and none under way to count as drained: a request that a caller sent
/// just before it learned of the change is still on its way.
const QUIET_FOR: Duration = Duration::from_millis(100);

/// A handle to all Envoys; clones share them.
#[derive(Debug, Clone)]
pub struct Plane {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    client: reqwest::Client,
    book: Book,
    state: Mutex<State>,
    progress: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    discovery: Arc<Discovery>,
    members: BTreeMap<String, Member>,
    round: u64,
}

/// One Envoy.
#[derive(Debug)]
struct Member {
    proxy: Proxy,
    admin: Admin,
    labels: Labels,
    /// Taken by the worker once Envoy runs.
    syncer: Option<Syncer>,
    wanted: watch::Sender<(u64, Arc<ProxyConfig>)>,
    applied: u64,
    live: bool,
    /// Whether Envoy has the listener that callers use.
    serves: bool,
    draining: bool,
    problem: Option<String>,
    worker: Option<AbortHandle>,
    sample: Arc<tokio::sync::Mutex<Sample>>,
}

impl Member {
    fn takes_requests(&self) -> bool {
        self.live && self.serves && !self.draining
    }
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

impl Plane {
    /// No Envoys yet, over the resources in `store`.
    pub fn new(store: Store, client: reqwest::Client) -> Self {
        let inner =
            Inner { store, client, book: Book::default(), state: Mutex::default(), progress: watch::Sender::new(()) };
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

    /// Prepares the files of the Envoy of `task`; it can be started with its [`super::files::bootstrap_path`].
    ///
    /// # Errors
    /// If its files cannot be written.
    pub fn attach(&self, task: &str, proxy: Proxy, labels: Labels) -> Result<(), SyncError> {
        let admin = Admin::new(self.inner.client.clone(), proxy.address);
        let member = Member {
            admin,
            labels,
            syncer: None,
            wanted: watch::Sender::default(),
            applied: 0,
            live: false,
            serves: false,
            draining: false,
            problem: None,
            worker: None,
            sample: Arc::default(),
            proxy,
        };
        self.inner.book.open(&member.proxy.role);
        self.state().members.insert(task.to_owned(), member);
        self.refresh();
        let mut state = self.state();
        if let Some(member) = state.members.get_mut(task) {
            let config = member.wanted.borrow().1.clone();
            let created = Syncer::create(&member.proxy, member.admin.clone(), &config)?;
            member.serves = config.listeners.contains_key("ingress");
            member.syncer = Some(created);
        }
        Ok(())
    }

    /// Takes note that the Envoy of `task` was started, and keeps it configured from when it is live.
    pub fn launched(&self, task: &str) {
        let mut state = self.state();
        let Some(member) = state.members.get_mut(task) else {
            return;
        };
        let Some(syncer) = member.syncer.take() else {
            return;
        };
        let wanted = member.wanted.subscribe();
        let work = work(self.clone(), task.to_owned(), member.admin.clone(), syncer, wanted);
        member.worker = Some(tokio::spawn(work).abort_handle());
    }

    /// Takes note that the Envoy of `task` is gone.
    pub fn ended(&self, task: &str) {
        self.with_member(task, |member| {
            member.live = false;
            if let Some(worker) = member.worker.take() {
                worker.abort();
            }
        });
        self.refresh();
    }

    /// Forgets the Envoy of `task`.
    pub fn detach(&self, task: &str) {
        self.ended(task);
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

    /// Takes `task` out of every other Envoy, and returns once they call it no more and what it was doing is done, or
    /// `patience` is over.
    pub async fn drain(&self, task: &str, patience: Duration) {
        if !self.is_live(task) {
            self.with_member(task, |member| member.draining = true);
            self.refresh();
            return;
        }
        self.with_member(task, |member| member.draining = true);
        let round = self.refresh();
        if timeout(LEAVE_WITHIN, self.others_took(task, round)).await.is_err() {
            warn!(task, "some Envoys did not take the removal of this task in time");
        }
        if timeout(patience, self.quiet(task)).await.is_err() {
            warn!(task, "requests were still under way when this task was to end");
        }
        self.sample(task).await;
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

    /// Reads the counters of all running Envoys into the book.
    pub async fn sample_all(&self) {
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
        samples.join_all().await;
    }

    /// Reads the counters of the Envoy of `task` into the book.
    pub async fn sample(&self, task: &str) {
        let Some((admin, proxy, labels, last)) = self.with_member(task, |member| {
            let last = member.sample.clone();
            (member.admin.clone(), member.proxy.clone(), member.labels.clone(), last)
        }) else {
            return;
        };
        // Held while asking, so that samples are taken in the order of their answers.
        let mut last = last.lock().await;
        if let Ok(statistics) = admin.statistics(crate::stats::FILTER).await {
            let now = Sample::read(&statistics);
            self.inner.book.record(&proxy.role, &labels, &last, &now);
            *last = now;
        }
    }

    /// The addresses of live Envoys of each role, as `(kind, name, address)`.
    pub fn live(&self) -> Vec<(RoleKind, String, Ipv4Addr)> {
        let state = self.state();
        let live = state.members.values().filter(|member| member.live);
        live.map(|member| (member.proxy.role.kind, member.proxy.role.name.clone(), member.proxy.address)).collect()
    }

    /// Works out every Envoy's configuration anew, and returns the number of this round.
    fn refresh(&self) -> u64 {
        let mesh = self.inner.store.snapshot();
        let mut state = self.state();
        let State { discovery, members, round } = &mut *state;
        *round += 1;
        let sidecars = members.values().map(|member| (member.proxy.address, member.takes_requests())).collect();
        let world = World { mesh: &mesh, discovery, sidecars: &sidecars };
        for member in members.values_mut() {
            member.proxy.egress_ports = egress_ports(world, &member.proxy);
            let config = generate(world, &member.proxy);
            member.wanted.send_replace((*round, Arc::new(config)));
        }
        *round
    }

    async fn others_took(&self, task: &str, round: u64) {
        let mut progress = self.progress();
        loop {
            let waiting = self
                .state()
                .members
                .iter()
                .any(|(other, member)| other != task && member.live && member.applied < round);
            if !waiting || progress.changed().await.is_err() {
                return;
            }
        }
    }

    async fn quiet(&self, task: &str) {
        let Some(admin) = self.with_member(task, |member| member.admin.clone()) else {
            return;
        };
        let total = |statistics: &Statistics, suffix: &str| -> u64 {
            let numbers = statistics.numbers();
            numbers.filter(|(name, _)| name.ends_with(suffix)).map(|(_, number)| number).sum()
        };
        let mut since: Option<(u64, Instant)> = None;
        while let Ok(statistics) = admin.statistics("^(http|tcp).ingress.downstream_(rq|cx)_(active|total)$").await {
            let started = total(&statistics, "_rq_total") + total(&statistics, "tcp.ingress.downstream_cx_total");
            let active = total(&statistics, "_rq_active") + total(&statistics, "tcp.ingress.downstream_cx_active");
            since = match since {
                _ if active > 0 => None,
                Some((before, at)) if before == started && at.elapsed() >= QUIET_FOR => return,
                Some((before, at)) if before == started => Some((before, at)),
                _ => Some((started, Instant::now())),
            };
            sleep(LOOK_EVERY).await;
        }
    }

    fn with_member<T>(&self, task: &str, f: impl FnOnce(&mut Member) -> T) -> Option<T> {
        self.state().members.get_mut(task).map(f)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn took(&self, task: &str, round: u64, config: &ProxyConfig, result: &Result<(), SyncError>) {
        let serves = config.listeners.contains_key("ingress");
        let changed = self.with_member(task, |member| {
            member.applied = round;
            member.problem = result.as_ref().err().map(ToString::to_string);
            let before = (member.live, member.serves);
            member.live = true;
            if result.is_ok() {
                member.serves = serves;
            }
            before != (member.live, member.serves)
        });
        if let Err(problem) = result {
            error!(task, problem = %problem, "an Envoy did not take its configuration");
        }
        if changed == Some(true) {
            self.refresh();
        }
        self.inner.progress.send_replace(());
    }
}

/// Brings one Envoy each configuration that is wanted, from when it is live.
async fn work(
    plane: Plane,
    task: String,
    admin: Admin,
    mut syncer: Syncer,
    mut wanted: watch::Receiver<(u64, Arc<ProxyConfig>)>,
) {
    while !admin.is_live().await {
        sleep(LOOK_EVERY).await;
    }
    info!(task, "Envoy is live");
    loop {
        let (round, config) = wanted.borrow_and_update().clone();
        let result = syncer.apply(&config).await;
        plane.took(&task, round, &config, &result);
        loop {
            tokio::select! {
                changed = wanted.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return,
                },
                () = syncer.leftovers_idle(&config), if syncer.has_leftovers(&config) => {
                    // Its counters go with a cluster.
                    plane.sample(&task).await;
                    if let Err(problem) = syncer.remove_leftovers(&config).await {
                        warn!(task, %problem, "an Envoy did not take the removal of clusters");
                    }
                }
            }
        }
    }
}
