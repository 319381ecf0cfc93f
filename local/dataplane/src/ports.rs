//! The ports of tasks on this machine, where an ordinary user may not bind those below 1024.

use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;

use crate::engine::addresses::AddressPrefix;

/// Added to a port that this user may not bind. Beyond the ports that applications usually have, and below those that
/// the system gives to outgoing connections.
const OFFSET: u16 = 20_000;

/// The first port that any user may bind where the system does not say otherwise.
const USUAL_LOWEST: u16 = 1024;

/// Which port of a task stands for which of AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalPorts {
    prefixes: Arc<[AddressPrefix]>,
    lowest: u16,
}

impl LocalPorts {
    /// The ports of tasks with addresses of `prefixes`, of which this user may bind those from `lowest` on.
    pub fn new(prefixes: &[AddressPrefix], lowest: u16) -> Self {
        // Above, nothing is reserved, and the sum stays a port.
        Self { prefixes: prefixes.into(), lowest: lowest.min(USUAL_LOWEST) }
    }

    /// The port that a task binds for `port`.
    pub fn bound(&self, port: u16) -> u16 {
        if port < self.lowest { port + OFFSET } else { port }
    }

    /// The port to call at `address` for `port`: what a task binds if it is one's, and else what it says.
    pub fn at(&self, address: Ipv4Addr, port: u16) -> u16 {
        let own = self.prefixes.iter().any(|prefix| prefix.holds(address));
        if own { self.bound(port) } else { port }
    }
}

/// The lowest port that this program's user may bind.
pub fn lowest_bindable() -> u16 {
    let limit = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    let limit = limit.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(USUAL_LOWEST);
    let Some(reserved) = limit.checked_sub(1).filter(|port| *port > 0) else {
        return 0;
    };
    // The limit is not for root and for programs with the capability. A port in use is refused otherwise.
    match TcpListener::bind((Ipv4Addr::LOCALHOST, reserved)) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => limit,
        Ok(_) | Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TASK: Ipv4Addr = Ipv4Addr::new(127, 0, 40, 7);

    fn ports(lowest: u16) -> LocalPorts {
        LocalPorts::new(&["127.0.40".parse().unwrap(), "127.0.42".parse().unwrap()], lowest)
    }

    #[test]
    fn a_port_that_may_not_be_bound_is_20000_higher_at_tasks() {
        let at = |port| ports(1024).at(TASK, port);
        assert_eq!([80, 443, 1023, 1024, 8080, 65535].map(at), [20080, 20443, 21023, 1024, 8080, 65535]);
        assert_eq!(ports(1024).at(Ipv4Addr::new(127, 0, 41, 7), 80), 80);
        assert_eq!(ports(1024).at(Ipv4Addr::new(127, 0, 42, 7), 80), 20080);
        assert_eq!(ports(443).at(TASK, 443), 443);
    }

    #[test]
    fn whoever_may_bind_every_port_keeps_them() {
        assert_eq!(ports(0).at(TASK, 1), 1);
    }

    #[test]
    fn a_limit_above_the_usual_one_moves_no_further_ports() {
        assert_eq!(ports(u16::MAX).at(TASK, 60_000), 60_000);
    }

    #[test]
    fn the_lowest_port_is_found_by_binding() {
        let lowest = lowest_bindable();
        let binds = |port| TcpListener::bind((Ipv4Addr::new(127, 0, 92, 1), port)).is_ok();
        assert!(binds(lowest.max(1)));
        assert!(lowest == 0 || !binds(lowest - 1));
    }
}
