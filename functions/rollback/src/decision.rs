//! What to do about the traffic: decided from what is live, before anything is done.

use canary_core::{
    plan::Deployment,
    service::Version,
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
        return keep(deployment, live, restorable);
    }
    match (deployment, live) {
        (Deployment::First { .. }, None) => Move::None,
        (Deployment::First { .. }, Some(live)) if live.sole() == Some(&candidate.name) => Move::RemoveRoute,
        // Somebody else's route: not this deployment's to remove.
        (Deployment::First { .. }, Some(_)) => Move::None,
        // Neither the route nor the version that had it is there any more: nothing to give back.
        (Deployment::Canary { .. }, None) if !restorable => Move::None,
        (Deployment::Canary { stable, .. }, None) => Move::Stop(format!(
            "the route is gone, so `{}` receives no traffic; somebody else removed it: make it again with all weight on \
             that version, then delete stack `{}`",
            stable.name, candidate.stack
        )),
        (Deployment::Canary { stable, .. }, Some(live)) => give_back(stable, candidate, live, restorable),
    }
}

/// A recorded version is the live one and stays, unless all traffic is already back on a stable version that can serve: then a
/// rollback that was interrupted after it had moved the traffic is finished.
fn keep(deployment: &Deployment, live: Option<&LiveRoute>, restorable: bool) -> Move {
    let name = &deployment.candidate().name;
    let sole = live.and_then(LiveRoute::sole);
    if sole == Some(name) {
        return Move::Keep(format!("`{name}` has all traffic and is recorded as the live version"));
    }
    let Some(stable) = deployment.stable().filter(|_| restorable) else {
        let why = deployment.stable().map_or("", |_| ", because the version before it is going");
        return Move::Stop(format!(
            "`{name}` is recorded as the live version, but the route was changed outside this deployment: it has {}; set all \
             weight on `{name}`{why}",
            live.cloned().unwrap_or_default()
        ));
    };
    if sole == Some(&stable.name) {
        return Move::None;
    }
    Move::Stop(format!(
        "`{name}` is recorded as the live version, but the route was changed outside this deployment: it has {}; set all weight \
         on `{name}`, or on `{}` to take the deployment back",
        live.cloned().unwrap_or_default(),
        stable.name
    ))
}

/// The candidate's share goes to the stable version; targets that somebody else put there keep theirs.
fn give_back(stable: &Version, candidate: &Version, live: &LiveRoute, restorable: bool) -> Move {
    let going = format!("stack `{}` cannot serve, so traffic cannot return to it", stable.stack);
    match live.handing_over(&candidate.name, &stable.name) {
        // No traffic was moved: whatever becomes of the stable version, the candidate goes.
        _ if !live.names(&candidate.name) => Move::None,
        _ if !restorable => Move::Stop(format!("{going}; the route has {live}")),
        Some(split) => Move::SetSplit(split),
        None => Move::Stop(format!(
            "somebody else changed the route to {live}: take `{}` off it, then delete stack `{}`",
            candidate.name, candidate.stack
        )),
    }
}

#[cfg(test)]
mod tests {
    use canary_core::fakes::{canary_plan, first_plan, live};

    use super::*;

    fn canary() -> Deployment {
        canary_plan().deployment
    }

    fn first() -> Deployment {
        first_plan().deployment
    }

    #[test]
    fn from_any_split_all_traffic_goes_to_the_stable_version() {
        for targets in [
            &[("web-aaa", 75), ("web-bbb", 25)][..],
            &[("web-bbb", 100)],
            &[("web-aaa", 100), ("web-bbb", 0)],
            &[("web-aaa", 2), ("web-bbb", 1)],
        ] {
            let found = decide(&canary(), Some(&live(targets)), false, true);
            assert_eq!(found, Move::SetSplit(Split::all_on("web-aaa")), "{targets:?}");
        }
        assert_eq!(decide(&canary(), Some(&live(&[("web-aaa", 100)])), false, true), Move::None);
    }

    #[test]
    fn of_a_service_that_was_taken_down_nothing_is_given_back() {
        assert_eq!(decide(&canary(), None, false, false), Move::None);
        assert!(matches!(decide(&canary(), None, false, true), Move::Stop(_)));
    }

    /// Promise 9.
    #[test]
    fn traffic_is_never_moved_to_a_version_that_is_gone() {
        let found = decide(&canary(), Some(&live(&[("web-bbb", 100)])), false, false);
        assert!(matches!(found, Move::Stop(_)), "{found:?}");
    }

    /// Promise 9.
    #[test]
    fn a_stable_version_that_is_going_is_no_place_for_traffic_even_with_a_share_of_it() {
        let found = decide(&canary(), Some(&live(&[("web-aaa", 75), ("web-bbb", 25)])), false, false);
        assert!(matches!(found, Move::Stop(_)), "{found:?}");
    }

    #[test]
    fn a_candidate_without_traffic_goes_whatever_becomes_of_the_stable_version() {
        assert_eq!(decide(&canary(), Some(&live(&[("web-aaa", 100)])), false, false), Move::None);
    }

    #[test]
    fn a_rollback_that_had_moved_the_traffic_of_a_recorded_version_is_finished() {
        assert_eq!(decide(&canary(), Some(&live(&[("web-aaa", 100)])), true, true), Move::None);
        let going = decide(&canary(), Some(&live(&[("web-aaa", 100)])), true, false);
        assert!(matches!(going, Move::Stop(_)), "{going:?}");
    }

    #[test]
    fn somebody_elses_targets_keep_their_share() {
        let third = live(&[("web-aaa", 60), ("web-bbb", 30), ("web-ccc", 10)]);
        let Move::SetSplit(split) = decide(&canary(), Some(&third), false, true) else { panic!("a split") };
        assert_eq!(split.to_string(), "`web-aaa`: 90, `web-ccc`: 10");
        let others = live(&[("web-aaa", 75), ("web-ccc", 25)]);
        assert_eq!(decide(&canary(), Some(&others), false, true), Move::None, "another deployment is under way");
        let relative = live(&[("web-aaa", 2), ("web-bbb", 1), ("web-ccc", 0)]);
        assert!(matches!(decide(&canary(), Some(&relative), false, true), Move::Stop(_)));
    }

    #[test]
    fn a_stable_version_alone_is_left_with_its_relative_weight() {
        assert_eq!(decide(&canary(), Some(&live(&[("web-aaa", 1)])), false, true), Move::None);
    }

    #[test]
    fn a_recorded_version_with_a_part_of_the_traffic_is_a_persons_to_decide() {
        for restorable in [false, true] {
            let found = decide(&canary(), Some(&live(&[("web-aaa", 50), ("web-bbb", 50)])), true, restorable);
            assert!(matches!(found, Move::Stop(_)), "{restorable}: {found:?}");
        }
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
