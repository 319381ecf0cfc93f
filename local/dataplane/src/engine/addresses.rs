//! One loopback address per task, so that each keeps its real ports.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::str::FromStr;

use thiserror::Error;

/// The first three octets of the addresses to give out: `127.0.40` gives `127.0.40.1` to `127.0.40.254`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressPrefix([u8; 3]);

/// Why a prefix is refused.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("`{0}` is not allowed: three numbers of which the first is 127, like `127.0.40`")]
pub struct InvalidPrefix(String);

impl FromStr for AddressPrefix {
    type Err = InvalidPrefix;

    fn from_str(text: &str) -> Result<Self, InvalidPrefix> {
        let address = Ipv4Addr::from_str(&format!("{text}.0"));
        match address.map(|address| address.octets()) {
            Ok([127, b, c, 0]) => Ok(Self([127, b, c])),
            _ => Err(InvalidPrefix(text.to_owned())),
        }
    }
}

impl AddressPrefix {
    /// Whether `address` begins with it.
    pub fn holds(self, address: Ipv4Addr) -> bool {
        address.octets()[..3] == self.0
    }
}

/// No address of the prefix is free.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "no free address in `{prefix}`: ports {ports:?} must be free on one that no task has; another `--address-prefix` may help"
)]
pub struct NoAddress {
    prefix: String,
    ports: BTreeSet<u16>,
}

/// Gives out addresses in turn: one that was just freed is used again as late as possible, because a stale
/// client may still be calling it.
#[derive(Debug)]
pub struct AddressPool {
    prefix: AddressPrefix,
    last: u8,
}

impl AddressPool {
    /// A pool over `prefix`.
    pub fn new(prefix: AddressPrefix) -> Self {
        Self { prefix, last: 0 }
    }

    /// The next address that is not `taken` and on which all `ports` can be bound.
    ///
    /// # Errors
    /// If there is none.
    pub fn allocate(&mut self, taken: &BTreeSet<Ipv4Addr>, ports: &BTreeSet<u16>) -> Result<Ipv4Addr, NoAddress> {
        let AddressPrefix([a, b, c]) = self.prefix;
        for _ in 1..=254 {
            self.last = if self.last >= 254 { 1 } else { self.last + 1 };
            let address = Ipv4Addr::new(a, b, c, self.last);
            if !taken.contains(&address) && ports.iter().all(|&port| is_free(address, port)) {
                return Ok(address);
            }
        }
        Err(NoAddress { prefix: format!("{a}.{b}.{c}"), ports: ports.clone() })
    }
}

/// Only a port in use disqualifies an address: a port that this user may not bind is no better elsewhere, and
/// the program that tries says so in its log.
fn is_free(address: Ipv4Addr, port: u16) -> bool {
    !matches!(TcpListener::bind((address, port)), Err(error) if error.kind() == ErrorKind::AddrInUse)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn pool() -> AddressPool {
        AddressPool::new("127.0.91".parse().unwrap())
    }

    #[test]
    fn addresses_are_given_in_turn_and_not_twice() {
        let mut pool = pool();
        let first = pool.allocate(&BTreeSet::new(), &BTreeSet::new()).unwrap();
        let second = pool.allocate(&BTreeSet::new(), &BTreeSet::new()).unwrap();
        assert_eq!([first, second], [[127, 0, 91, 1], [127, 0, 91, 2]].map(Ipv4Addr::from));
        let next = Ipv4Addr::new(127, 0, 91, 3);
        let taken = BTreeSet::from([next]);
        assert_ne!(pool.allocate(&taken, &BTreeSet::new()).unwrap(), next);
    }

    #[test]
    fn an_address_whose_port_is_in_use_is_passed_over() {
        let held = TcpListener::bind((Ipv4Addr::new(127, 0, 91, 1), 0)).unwrap();
        let port = held.local_addr().unwrap().port();
        let address = pool().allocate(&BTreeSet::new(), &BTreeSet::from([port])).unwrap();
        assert_eq!(address, Ipv4Addr::new(127, 0, 91, 2));
    }

    #[test]
    fn an_exhausted_prefix_is_an_error() {
        let taken = (1..=254).map(|last| Ipv4Addr::new(127, 0, 91, last)).collect();
        let error = pool().allocate(&taken, &BTreeSet::new()).unwrap_err();
        assert!(error.to_string().contains("`127.0.91`"), "{error}");
    }

    #[test]
    fn only_loopback_prefixes_are_allowed() {
        for bad in ["10.0.0", "127.0", "127.0.0.1", "127.0.x", ""] {
            assert_eq!(bad.parse::<AddressPrefix>(), Err(InvalidPrefix(bad.into())));
        }
    }
}
