//! How traffic is divided between versions.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    service::{Service, Version},
};

/// A share of the traffic, 0 to 100 percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Weight(u8);

impl Weight {
    /// No traffic.
    pub const NONE: Self = Self(0);
    /// All traffic.
    pub const ALL: Self = Self(100);

    /// A weight of `percent`, or nothing if that is more than 100.
    #[must_use]
    pub const fn new(percent: u8) -> Option<Self> {
        if percent <= 100 { Some(Self(percent)) } else { None }
    }

    /// In percent.
    #[must_use]
    pub const fn percent(self) -> u8 {
        self.0
    }

    /// What is left for the other version.
    #[must_use]
    pub const fn rest(self) -> Self {
        Self(100 - self.0)
    }
}

impl TryFrom<u8> for Weight {
    type Error = String;

    fn try_from(percent: u8) -> std::result::Result<Self, String> {
        Self::new(percent).ok_or_else(|| format!("a weight is 0 to 100 percent, not {percent}"))
    }
}

impl From<Weight> for u8 {
    fn from(weight: Weight) -> Self {
        weight.0
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

/// The candidate's weights of a canary, step by step: multiples of `step`, and always 100 at the end.
///
/// A `step` of 0 cannot be asked for (the request refuses it) and is read as 1.
#[must_use]
pub fn weights(step: Weight) -> Vec<Weight> {
    let stride = usize::from(step.0.max(1));
    (stride..100)
        .step_by(stride)
        .filter_map(|percent| u8::try_from(percent).ok().map(Weight))
        .chain([Weight::ALL])
        .collect()
}

/// A wanted division of the traffic. Always totals 100; a version without traffic is not part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split(Vec<(String, Weight)>);

impl Split {
    /// All traffic on one version.
    #[must_use]
    pub fn all_on(version: &str) -> Self {
        Self(vec![(version.to_owned(), Weight::ALL)])
    }

    /// `weight` on the candidate, the rest on the stable version.
    #[must_use]
    pub fn between(stable: &str, candidate: &str, weight: Weight) -> Self {
        let shares = [(stable, weight.rest()), (candidate, weight)];
        Self(
            shares
                .into_iter()
                .filter(|(_, share)| share.percent() > 0)
                .map(|(version, share)| (version.to_owned(), share))
                .collect(),
        )
    }

    /// These shares, if they total 100.
    #[must_use]
    pub fn of(shares: Vec<(String, Weight)>) -> Option<Self> {
        let total: u32 = shares.iter().map(|(_, weight)| u32::from(weight.percent())).sum();
        (total == 100).then_some(Self(shares))
    }

    /// The versions that receive traffic, with their weights.
    #[must_use]
    pub fn shares(&self) -> &[(String, Weight)] {
        &self.0
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, self.0.iter().map(|(version, weight)| (version.as_str(), u32::from(weight.percent()))))
    }
}

/// The targets of a route as the router reports them, weight 0 included. Weights are relative: they need not total 100.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveRoute {
    /// Version name and relative weight, in the route's order.
    pub targets: Vec<(String, u32)>,
}

impl LiveRoute {
    /// Whether the route names `version`, with whatever weight.
    #[must_use]
    pub fn names(&self, version: &str) -> bool {
        self.targets.iter().any(|(name, _)| name == version)
    }

    /// The one version the route names, if it is only one.
    #[must_use]
    pub fn sole(&self) -> Option<&str> {
        match self.targets.as_slice() {
            [(name, weight)] if *weight > 0 => Some(name),
            _ => None,
        }
    }

    /// # Errors
    /// `Canary.UnexpectedRoute` unless `version` is the only target.
    pub fn require_all_on(&self, service: &Service, version: &Version) -> Result<()> {
        if self.sole() == Some(&version.name) {
            return Ok(());
        }
        Err(Error::UnexpectedRoute {
            service: service.microservice_name.clone(),
            why: format!("it has {self}, and all traffic should be on `{}`", version.name),
        })
    }

    /// Whether the route has exactly the targets of `other`, with the same weights, in whatever order.
    #[must_use]
    pub fn has_targets_of(&self, other: &Self) -> bool {
        let sorted = |route: &Self| {
            let mut targets = route.targets.clone();
            targets.sort_unstable();
            targets
        };
        sorted(self) == sorted(other)
    }

    /// The route with the share of `from` given to `to`, and every other target as it is. Nothing if there are others and the
    /// weights do not total 100: in percent, theirs may not be whole numbers.
    #[must_use]
    pub fn handing_over(&self, from: &str, to: &str) -> Option<Split> {
        let weight_of =
            |name: &str| self.targets.iter().find(|(target, _)| target == name).map_or(0, |(_, weight)| *weight);
        let mut others = self.targets.iter().filter(|(name, _)| name != from && name != to).peekable();
        if others.peek().is_none() {
            return Some(Split::all_on(to));
        }
        let shares = [(to.to_owned(), weight_of(to) + weight_of(from))].into_iter().chain(others.cloned());
        let weights = shares.map(|(name, weight)| Some((name, Weight::new(u8::try_from(weight).ok()?)?)));
        Split::of(weights.collect::<Option<_>>()?)
    }

    /// Whether the route is exactly this split: the same targets with the same weights and no other.
    #[must_use]
    pub fn carries(&self, split: &Split) -> bool {
        self.targets.len() == split.0.len()
            && split
                .0
                .iter()
                .all(|(version, weight)| self.targets.contains(&(version.clone(), u32::from(weight.percent()))))
    }
}

impl fmt::Display for LiveRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, self.targets.iter().map(|(version, weight)| (version.as_str(), *weight)))
    }
}

fn list<'a>(f: &mut fmt::Formatter<'_>, targets: impl Iterator<Item = (&'a str, u32)>) -> fmt::Result {
    let text: Vec<_> = targets.map(|(version, weight)| format!("`{version}`: {weight}")).collect();
    if text.is_empty() { f.write_str("no target") } else { f.write_str(&text.join(", ")) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn percents(step: u8) -> Vec<u8> {
        weights(Weight(step)).into_iter().map(Weight::percent).collect()
    }

    #[test]
    fn steps_are_multiples_and_end_at_100() {
        assert_eq!(percents(25), [25, 50, 75, 100]);
        assert_eq!(percents(30), [30, 60, 90, 100]);
        assert_eq!(percents(100), [100]);
        assert_eq!(percents(99), [99, 100]);
        assert_eq!(percents(1).len(), 100);
    }

    #[test]
    fn a_route_with_a_leftover_target_does_not_carry_the_split() {
        let live = LiveRoute { targets: vec![("a".into(), 100), ("b".into(), 0)] };
        assert!(!live.carries(&Split::all_on("a")), "`b` is still named and could not be deleted");
        assert_eq!(live.sole(), None);
    }

    #[test]
    fn a_share_is_handed_over_and_everybody_elses_stays() {
        let route = |targets: &[(&str, u32)]| LiveRoute {
            targets: targets.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect(),
        };
        assert_eq!(route(&[("a", 75), ("b", 25)]).handing_over("b", "a"), Some(Split::all_on("a")));
        assert_eq!(route(&[("b", 100)]).handing_over("b", "a"), Some(Split::all_on("a")));
        let three = route(&[("a", 60), ("b", 30), ("c", 10)]).handing_over("b", "a");
        assert_eq!(three.map(|split| split.to_string()).as_deref(), Some("`a`: 90, `c`: 10"));
        assert_eq!(route(&[("a", 1), ("b", 1)]).handing_over("b", "a"), Some(Split::all_on("a")));
        assert_eq!(route(&[("a", 1), ("b", 1), ("c", 1)]).handing_over("b", "a"), None);
    }

    #[test]
    fn a_weight_over_100_does_not_parse() {
        assert!(serde_json::from_str::<Weight>("101").is_err());
        assert_eq!(serde_json::from_str::<Weight>("100").ok(), Some(Weight::ALL));
    }

    proptest! {
        #[test]
        fn any_plan_rises_without_repeats_and_ends_at_100(step in 1u8..=100) {
            let percents = percents(step);
            prop_assert!(percents.windows(2).all(|pair| pair[0] < pair[1] && pair[1] - pair[0] <= step));
            prop_assert_eq!(percents.last(), Some(&100));
            prop_assert_eq!(percents[0], step);
        }

        #[test]
        fn every_split_totals_100_and_is_carried_by_itself_only(weight in 0u8..=100, other in 0u8..=100) {
            let split = Split::between("a", "b", Weight(weight));
            let total: u32 = split.shares().iter().map(|(_, share)| u32::from(share.percent())).sum();
            prop_assert_eq!(total, 100);
            let live = LiveRoute {
                targets: split.shares().iter().rev().map(|(name, w)| (name.clone(), u32::from(w.percent()))).collect(),
            };
            prop_assert!(live.carries(&split));
            prop_assert_eq!(live.carries(&Split::between("a", "b", Weight(other))), weight == other);
        }
    }
}
