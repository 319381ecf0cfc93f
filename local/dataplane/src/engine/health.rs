//! Container health checks, as ECS runs them.
//!
//! One difference: until its first success a check is repeated every second, so that a container with a long interval
//! is known to be healthy soon after it is. Failures still count only once per interval, so it takes as long as on
//! ECS until a container is unhealthy.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::definition::HealthCheck;
use super::process::Process;
use super::state::Health;
use crate::ports::LocalPorts;

/// The time between checks until the first success.
const FIRST_INTERVAL: Duration = Duration::from_secs(1);

/// A health check ready to be run again and again.
#[derive(Debug)]
pub struct Probe {
    program: Vec<String>,
    environment: BTreeMap<String, String>,
    check: HealthCheck,
}

impl Probe {
    /// The probe of a container at `address`; nothing if its definition disables checks (`NONE`).
    ///
    /// Tasks on AWS have a network namespace of their own, so a check says `localhost`; here that becomes the task's
    /// address, and the port after it the one that the task binds.
    pub fn new(
        check: &HealthCheck,
        address: Ipv4Addr,
        ports: &LocalPorts,
        environment: BTreeMap<String, String>,
    ) -> Option<Self> {
        let (kind, arguments) = check.command.split_first()?;
        let mut program: Vec<String> = arguments.iter().map(|text| localized(text, address, ports)).collect();
        match kind.as_str() {
            "CMD" => {}
            "CMD-SHELL" => program.splice(0..0, ["/bin/sh".to_owned(), "-c".to_owned()]).for_each(drop),
            _ => return None,
        }
        (!program.is_empty()).then(|| Self { program, environment, check: check.clone() })
    }

    /// Runs the check for as long as it is polled, and tells each change of health.
    pub async fn run(&self, log: &Path, mut tell: impl FnMut(Health)) {
        let mut judge = Judge::new(&self.check);
        let started = Instant::now();
        loop {
            let success = self.once(log).await;
            if let Some(health) = judge.observe(success, started.elapsed()) {
                tell(health);
            }
            sleep(judge.pause()).await;
        }
    }

    async fn once(&self, log: &Path) -> bool {
        let Ok(mut process) = Process::start(&self.program, &self.environment, log) else {
            return false;
        };
        match timeout(self.check.timeout(), process.wait()).await {
            Ok(code) => code == 0,
            Err(_) => {
                process.stop(Duration::ZERO).await;
                false
            }
        }
    }
}

/// `text` with the task's address, and the port that it binds, in the place of `localhost` with a port after `:` or `/`.
fn localized(text: &str, address: Ipv4Addr, ports: &LocalPorts) -> String {
    let mut parts = text.split("localhost").flat_map(|part| part.split("127.0.0.1"));
    let mut local = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        local.push_str(&address.to_string());
        let digits = part.get(1..).unwrap_or_default();
        let digits = &digits[..digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len())];
        match digits.parse().ok().filter(|_| part.starts_with([':', '/'])) {
            Some(port) => {
                local.push_str(&part[..1]);
                local.push_str(&ports.bound(port).to_string());
                local.push_str(&part[1 + digits.len()..]);
            }
            None => local.push_str(part),
        }
    }
    local
}

/// Turns results into health; it is told the time and so needs no clock.
#[derive(Debug)]
struct Judge {
    interval: Duration,
    retries: u32,
    start_period: Duration,
    health: Health,
    failures: u32,
    counted: Option<Duration>,
}

impl Judge {
    fn new(check: &HealthCheck) -> Self {
        Self {
            interval: check.interval(),
            retries: check.retries(),
            start_period: check.start_period(),
            health: Health::Unknown,
            failures: 0,
            counted: None,
        }
    }

    /// Takes a result at `elapsed` since the start; returns the health if it changed.
    fn observe(&mut self, success: bool, elapsed: Duration) -> Option<Health> {
        let before = self.health;
        if success {
            self.failures = 0;
            self.health = Health::Healthy;
        } else if self.counts(elapsed) {
            self.failures += 1;
            self.counted = Some(elapsed);
            if self.failures >= self.retries {
                self.health = Health::Unhealthy;
            }
        }
        (self.health != before).then_some(self.health)
    }

    fn counts(&self, elapsed: Duration) -> bool {
        match self.health {
            Health::Unknown => {
                let due = self.counted.map_or(self.interval, |at| at + self.interval);
                elapsed >= self.start_period && elapsed >= due
            }
            Health::Healthy | Health::Unhealthy => true,
        }
    }

    fn pause(&self) -> Duration {
        match self.health {
            Health::Unknown => self.interval.min(FIRST_INTERVAL),
            Health::Healthy | Health::Unhealthy => self.interval,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(command: &[&str], interval: u64, start_period: u64) -> HealthCheck {
        HealthCheck {
            command: command.iter().map(ToString::to_string).collect(),
            interval: Some(interval),
            timeout: None,
            retries: Some(2),
            start_period: Some(start_period),
        }
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn the_first_success_is_healthy_at_once_and_retries_failures_are_not() {
        let mut judge = Judge::new(&check(&[], 10, 0));
        assert_eq!(judge.pause(), seconds(1));
        assert_eq!(judge.observe(true, seconds(2)), Some(Health::Healthy));
        assert_eq!(judge.pause(), seconds(10));
        assert_eq!(judge.observe(false, seconds(12)), None);
        assert_eq!(judge.observe(false, seconds(22)), Some(Health::Unhealthy));
        assert_eq!(judge.observe(true, seconds(32)), Some(Health::Healthy));
    }

    #[test]
    fn early_failures_count_once_per_interval_and_not_in_the_start_period() {
        let mut judge = Judge::new(&check(&[], 5, 7));
        let unhealthy_at = (0..60).find(|&at| judge.observe(false, seconds(at)).is_some());
        assert_eq!(unhealthy_at, Some(12));
    }

    #[test]
    fn a_check_reaches_the_task_instead_of_localhost() {
        let address = Ipv4Addr::new(127, 0, 40, 7);
        let ports = LocalPorts::new(&[], 1024);
        let probe = |command: &[&str]| Probe::new(&check(command, 5, 0), address, &ports, BTreeMap::new());
        let shell = probe(&["CMD-SHELL", "curl -f http://localhost:8080/ || exit 1"]).unwrap();
        assert_eq!(shell.program, ["/bin/sh", "-c", "curl -f http://127.0.40.7:8080/ || exit 1"]);
        let low =
            probe(&["CMD-SHELL", "curl http://localhost:80/80; </dev/tcp/127.0.0.1/443 # localhost/x é"]).unwrap();
        assert_eq!(low.program[2], "curl http://127.0.40.7:20080/80; </dev/tcp/127.0.40.7/20443 # 127.0.40.7/x é");
        let direct = probe(&["CMD", "check", "127.0.0.1"]).unwrap();
        assert_eq!(direct.program, ["check", "127.0.40.7"]);
        assert!(probe(&["NONE"]).is_none() && probe(&["CMD"]).is_none());
    }
}
