//! Taking a task out of the mesh before it ends, so that no request is lost.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

use super::admin::Statistics;
use super::member::Member;
use super::plane::Plane;

/// The time between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long the other Envoys may take to stop calling a task that is to end.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);
/// How long requests under way may take to finish. A TCP connection may never do so.
const FINISH_WITHIN: Duration = Duration::from_secs(5);
/// How long an Envoy must have had no new request and none under way to count as drained: a request that a caller sent
/// just before it learned of the change is still on its way.
const QUIET_FOR: Duration = Duration::from_millis(100);

/// The statistics that [`activity`] is read from.
const ACTIVITY: &str = "^(http.ingress.downstream_rq|tcp.ingress.downstream_cx)_(active|total)$";

impl Plane {
    /// Takes `task` out of every other Envoy, and returns once they call it no more and what it was doing is done, or
    /// `patience` is over.
    pub async fn drain(&self, task: &str, patience: Duration) {
        self.with_member(task, |member| member.draining = true);
        let round = self.refresh();
        if !self.is_live(task) {
            return;
        }
        if timeout(LEAVE_WITHIN, self.others_took(task, round)).await.is_err() {
            warn!(task, "some Envoys did not take the removal of this task in time");
        }
        if timeout(patience.min(FINISH_WITHIN), self.quiet(task)).await.is_err() {
            warn!(task, "requests were still under way when this task was to end");
        }
        self.sample(task).await;
    }

    async fn others_took(&self, task: &str, round: u64) {
        let mut progress = self.progress();
        loop {
            let waits = |(other, member): (&String, &Member)| other != task && member.live && member.applied < round;
            let waiting = self.state().members.iter().any(waits);
            if !waiting || progress.changed().await.is_err() {
                return;
            }
        }
    }

    /// Returns once the Envoy of `task` has been quiet for a while, or does not answer.
    async fn quiet(&self, task: &str) {
        let Some(admin) = self.with_member(task, |member| member.admin.clone()) else {
            return;
        };
        let mut since: Option<(u64, Instant)> = None;
        while let Ok(statistics) = admin.statistics(ACTIVITY).await {
            let (started, active) = activity(&statistics);
            since = match since {
                _ if active > 0 => None,
                Some((before, at)) if before == started && at.elapsed() >= QUIET_FOR => return,
                Some((before, at)) if before == started => Some((before, at)),
                _ => Some((started, Instant::now())),
            };
            sleep(LOOK_EVERY).await;
        }
    }
}

/// How many HTTP requests and TCP connections an Envoy ever took, and has under way.
fn activity(statistics: &Statistics) -> (u64, u64) {
    let count = |name: &str| statistics.number(name).unwrap_or(0);
    (
        count("http.ingress.downstream_rq_total") + count("tcp.ingress.downstream_cx_total"),
        count("http.ingress.downstream_rq_active") + count("tcp.ingress.downstream_cx_active"),
    )
}
