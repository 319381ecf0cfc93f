//! What to do about the traffic: decided from what is live, before anything is done.

use canary_core::{
    plan::Deployment,
    split::{LiveRoute, Split},
};

/// The next thing to do about the traffic.
#[derive(Debug, PartialEq, Eq)]
pub enum Move {
    /// It is where it belongs.
    None,
    /// Set these weights.
    SetSplit(Split),
    /// Remove the route that this deployment made.
    RemoveRoute,
    /// Leave the candidate in place: it is the live version. With the reason.
    Keep(String),
    /// Leave everything in place: the traffic cannot be moved. With the reason.
    Stop(String),
}

/// Decides. `promoted`: the candidate is recorded as live; `restorable`: the stable version can take traffic.
pub fn decide(deployment: &Deployment, live: Option<&LiveRoute>, promoted: bool, restorable: bool) -> Move {
    let candidate = deployment.candidate();
    if promoted {
        return Move::Keep(format!("`{}` has all traffic and is recorded as the live version", candidate.name));
    }
    match (deployment, live) {
        (Deployment::First { .. }, None) => Move::None,
        (Deployment::First { .. }, Some(live)) if live.sole() == Some(&candidate.name) => Move::RemoveRoute,
        // Somebody else's route: not this deployment's to remove.
        (Deployment::First { .. }, Some(_)) => Move::None,
        (Deployment::Canary { stable, .. }, None) => Move::Stop(format!(
            "the route is gone, so `{}` receives no traffic; somebody else removed it: make it again with all weight on \
             that virtual node, then delete stack `{}`",
            stable.name, candidate.stack
        )),
        (Deployment::Canary { stable, .. }, Some(live)) => {
            let wanted = Split::all_on(&stable.name);
            if live.carries(&wanted) {
                Move::None
            } else if restorable {
                Move::SetSplit(wanted)
            } else {
                Move::Stop(format!(
                    "stack `{}` is not there to take the traffic back, so it stays as it is: {live}",
                    stable.stack
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use canary_core::plan::{Protocol, Service};

    use super::*;

    fn service() -> Service {
        Service {
            environment_name: "demo".into(),
            namespace: "demo.local".into(),
            microservice_name: "web".into(),
            protocol: Protocol::Http,
            port: 80,
        }
    }

    fn canary() -> Deployment {
        Deployment::Canary { stable: service().version("aaa"), candidate: service().version("bbb") }
    }

    fn first() -> Deployment {
        Deployment::First { candidate: service().version("bbb") }
    }

    fn live(targets: &[(&str, u32)]) -> LiveRoute {
        LiveRoute { targets: targets.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect() }
    }

    #[test]
    fn from_any_split_all_traffic_goes_to_the_stable_version() {
        for targets in
            [&[("web-aaa", 75), ("web-bbb", 25)][..], &[("web-bbb", 100)], &[("web-aaa", 100), ("web-bbb", 0)]]
        {
            let found = decide(&canary(), Some(&live(targets)), false, true);
            assert_eq!(found, Move::SetSplit(Split::all_on("web-aaa")), "{targets:?}");
        }
        assert_eq!(decide(&canary(), Some(&live(&[("web-aaa", 100)])), false, true), Move::None);
    }

    #[test]
    fn traffic_is_never_moved_to_a_version_that_is_gone() {
        let found = decide(&canary(), Some(&live(&[("web-bbb", 100)])), false, false);
        assert!(matches!(found, Move::Stop(_)), "{found:?}");
    }

    #[test]
    fn a_recorded_version_keeps_its_traffic() {
        for deployment in [canary(), first()] {
            let found = decide(&deployment, Some(&live(&[("web-bbb", 100)])), true, true);
            assert!(matches!(found, Move::Keep(_)), "{found:?}");
        }
    }

    #[test]
    fn only_the_route_of_the_failed_first_version_is_removed() {
        assert_eq!(decide(&first(), Some(&live(&[("web-bbb", 100)])), false, true), Move::RemoveRoute);
        assert_eq!(decide(&first(), Some(&live(&[("web-ccc", 100)])), false, true), Move::None);
        assert_eq!(decide(&first(), None, false, true), Move::None);
    }
}
