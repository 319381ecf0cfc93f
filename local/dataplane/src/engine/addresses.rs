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
    "no free address in {prefixes}: ports {ports:?} must be free on one that no task has; another `--address-prefix` may help"
)]
pub struct NoAddress {
    prefixes: String,
    ports: BTreeSet<u16>,
}

/// Gives out addresses in turn: one that was just freed is used again as late as possible, because a stale
/// client may still be calling it.
#[derive(Debug)]
pub struct AddressPool {
    prefixes: Vec<AddressPrefix>,
    /// How many were given out, round and round.
    given: usize,
}

/// Addresses of a prefix: the fourth number is 1 to 254.
const EACH: usize = 254;

impl AddressPool {
    /// A pool over `prefixes`, those of the first one first.
    pub fn new(prefixes: &[AddressPrefix]) -> Self {
        Self { prefixes: prefixes.to_vec(), given: 0 }
    }

    /// The next address that is not `taken` and on which all `ports` can be bound.
    ///
    /// # Errors
    /// If there is none.
    pub fn allocate(&mut self, taken: &BTreeSet<Ipv4Addr>, ports: &BTreeSet<u16>) -> Result<Ipv4Addr, NoAddress> {
        for _ in 0..self.prefixes.len() * EACH {
            let address = self.next();
            if !taken.contains(&address) && ports.iter().all(|&port| is_free(address, port)) {
                return Ok(address);
            }
        }
        let prefixes: Vec<_> = self.prefixes.iter().map(|AddressPrefix([a, b, c])| format!("`{a}.{b}.{c}`")).collect();
        Err(NoAddress { prefixes: prefixes.join(" and "), ports: ports.clone() })
    }

    /// The first of `former` addresses that is not `taken` and on which all `ports` can be bound.
    pub fn again(former: &[Ipv4Addr], taken: &BTreeSet<Ipv4Addr>, ports: &BTreeSet<u16>) -> Option<Ipv4Addr> {
        let mut former = former.iter().copied();
        former.find(|&address| !taken.contains(&address) && ports.iter().all(|&port| is_free(address, port)))
    }

    fn next(&mut self) -> Ipv4Addr {
        let AddressPrefix([a, b, c]) = self.prefixes[self.given / EACH % self.prefixes.len()];
        let last = u8::try_from(self.given % EACH + 1).unwrap_or(u8::MAX);
        self.given += 1;
        Ipv4Addr::new(a, b, c, last)
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
        AddressPool::new(&["127.0.91".parse().unwrap()])
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
    fn a_second_prefix_follows_the_first_and_then_it_goes_round() {
        let mut pool = AddressPool::new(&["127.0.93".parse().unwrap(), "127.0.95".parse().unwrap()]);
        let all: Vec<_> = (0..509).map(|_| pool.allocate(&BTreeSet::new(), &BTreeSet::new()).unwrap()).collect();
        let at = |number: usize| all[number].octets();
        assert_eq!([at(253), at(254), at(507)], [[127, 0, 93, 254], [127, 0, 95, 1], [127, 0, 95, 254]]);
        assert_eq!(all[508], all[0]);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 508);
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
