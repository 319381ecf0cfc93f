//! One Envoy among all, and the worker that keeps it configured.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::sleep;
use tracing::{info, warn};

use super::admin::Admin;
use super::ads::Session;
use super::listeners::INGRESS;
use super::model::{Proxy, ProxyConfig};
use super::plane::Plane;
use super::sync::{SyncError, Syncer};
use crate::stats::{Labels, Sample};

/// The time until an Envoy that did not answer in time is waited for again. One that rejected its configuration would reject it
/// again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A configuration and the round it was worked out in.
pub(super) type Wanted = (u64, Arc<ProxyConfig>);

/// One Envoy.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) proxy: Proxy,
    pub(super) admin: Admin,
    pub(super) labels: Labels,
    /// Taken by the worker once Envoy runs.
    pub(super) syncer: Option<Syncer>,
    pub(super) wanted: watch::Sender<Wanted>,
    /// The round whose configuration Envoy was last brought.
    pub(super) applied: u64,
    /// Whether Envoy has all its configuration and runs.
    pub(super) live: bool,
    /// Whether Envoy has the listener that callers use.
    pub(super) serves: bool,
    /// Whether callers are to leave it alone because it will end.
    pub(super) draining: bool,
    /// Why Envoy did not take its configuration.
    pub(super) problem: Option<String>,
    pub(super) worker: Option<AbortHandle>,
    /// The last sample; held while the next one is taken.
    pub(super) sample: Arc<tokio::sync::Mutex<Sample>>,
}

impl Member {
    pub(super) fn new(proxy: Proxy, admin: Admin, labels: Labels) -> Self {
        Self {
            proxy,
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
        }
    }

    /// Offers Envoy, over `session`, what it is to start with.
    pub(super) fn prepare(&mut self, session: Session) {
        let config = self.wanted.borrow().1.clone();
        self.serves = serves(&config);
        self.syncer = Some(Syncer::create(session, self.admin.clone(), &config));
    }

    /// Keeps Envoy configured from now on, once it is live.
    pub(super) fn start(&mut self, plane: Plane, task: &str) {
        if let Some(syncer) = self.syncer.take() {
            let work = work(plane, task.to_owned(), syncer, self.wanted.subscribe());
            self.worker = Some(tokio::spawn(work).abort_handle());
        }
    }

    /// Takes note that Envoy is gone.
    pub(super) fn end(&mut self) {
        self.live = false;
        self.problem = None;
        if let Some(worker) = self.worker.take() {
            worker.abort();
        }
    }

    /// Asks for a configuration. Its Envoy is left alone if it has that one.
    pub(super) fn want(&mut self, round: u64, config: ProxyConfig) {
        let has_it = |(asked, before): &Wanted| {
            self.live && self.problem.is_none() && *asked == self.applied && **before == config
        };
        if has_it(&self.wanted.borrow()) {
            self.applied = round;
            self.wanted.send_if_modified(|wanted| {
                wanted.0 = round;
                false
            });
        } else {
            self.wanted.send_replace((round, Arc::new(config)));
        }
    }

    /// Takes note of what became of a configuration; returns whether this changes what callers are to do.
    pub(super) fn took(&mut self, (round, config): &Wanted, result: &Result<(), SyncError>) -> bool {
        let before = self.takes_requests();
        // Until Envoy answers it does as before: whoever waits for this round goes on waiting.
        if !matches!(result, Err(SyncError::Silent(_))) {
            self.applied = *round;
        }
        self.live = true;
        match result {
            Ok(()) => {
                self.serves = serves(config);
                self.problem = None;
            }
            Err(problem) => self.problem = Some(crate::chain(problem)),
        }
        before != self.takes_requests()
    }

    pub(super) fn takes_requests(&self) -> bool {
        self.live && self.serves && !self.draining
    }
}

/// Whether Envoy has the listener that callers use.
fn serves(config: &ProxyConfig) -> bool {
    config.listeners.contains_key(INGRESS)
}

/// Brings one Envoy each configuration that is wanted, from when it is live.
async fn work(plane: Plane, task: String, mut syncer: Syncer, mut wanted: watch::Receiver<Wanted>) {
    syncer.started().await;
    info!(task, "Envoy is live");
    loop {
        let latest = wanted.borrow_and_update().clone();
        let config = &latest.1;
        let result = syncer.apply(config).await;
        plane.took(&task, &latest, &result);
        loop {
            tokio::select! {
                changed = wanted.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return,
                },
                () = sleep(RETRY_AFTER), if matches!(result, Err(SyncError::Silent(_))) => break,
                () = syncer.leftovers_idle(config), if syncer.has_leftovers(config) => {
                    // Its counters go with a cluster.
                    plane.sample(&task).await;
                    if let Err(problem) = syncer.remove_leftovers(config).await {
                        warn!(task, problem = crate::chain(&problem), "an Envoy did not take the removal of clusters");
                        sleep(RETRY_AFTER).await;
                    }
                    // And this sample is without them, so that they count from 0 if they come back.
                    plane.sample(&task).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use envoy_types::pb::envoy::config::listener::v3::Listener;

    use super::*;
    use crate::envoy::role::{Role, RoleKind};
    use crate::ports::LocalPorts;

    fn member() -> Member {
        let address = Ipv4Addr::new(127, 0, 40, 9);
        let proxy = Proxy {
            task: "task".into(),
            role: Role { mesh: "demo".into(), kind: RoleKind::VirtualNode, name: "shop-1".into() },
            address,
            directory: "/state/envoy/task".into(),
            reserved: Default::default(),
            ports: LocalPorts::new(&[], 0),
            egress_ports: Default::default(),
        };
        let labels = Labels { cluster: "demo".into(), family: "shop".into() };
        Member::new(proxy, Admin::new(reqwest::Client::new(), address), labels)
    }

    fn config(name: &str) -> ProxyConfig {
        let mut config = ProxyConfig::default();
        config.add_listener(Listener { name: name.into(), ..Default::default() });
        config
    }

    #[test]
    fn an_envoy_that_has_what_is_wanted_is_left_alone_and_another_one_is_not() {
        let mut member = member();
        let mut worker = member.wanted.subscribe();
        member.want(1, config("a"));
        assert!(worker.has_changed().unwrap_or(false));
        let latest = worker.borrow_and_update().clone();
        member.want(2, config("a"));
        assert!(worker.has_changed().unwrap_or(false), "it is not known yet whether Envoy took round 1");

        let newest = worker.borrow_and_update().clone();
        member.took(&latest, &Ok(()));
        member.want(3, config("a"));
        assert!(worker.has_changed().unwrap_or(false), "round 2 is still under way");
        worker.borrow_and_update();
        member.took(&(3, newest.1), &Ok(()));
        member.want(4, config("a"));
        assert_eq!((worker.has_changed().ok(), member.applied, worker.borrow().0), (Some(false), 4, 4));

        member.want(5, config("b"));
        assert_eq!((worker.has_changed().ok(), member.applied), (Some(true), 4));
    }

    #[test]
    fn a_round_without_an_answer_is_waited_for_and_a_rejected_one_is_not() {
        let mut member = member();
        member.took(&(7, Arc::default()), &Err(SyncError::Silent(vec!["it".into()])));
        assert_eq!((member.applied, member.problem.is_some()), (0, true));
        member.took(&(7, Arc::default()), &Err(SyncError::Rejected(vec!["it".into()])));
        assert_eq!((member.applied, member.problem.is_some()), (7, true));
    }
}
