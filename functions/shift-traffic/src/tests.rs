#![allow(clippy::unwrap_used)]

use canary_core::{
    Duration,
    fakes::{Fault, SHIFTED, State, World, canary_plan, first_plan, live, ready, survives_every_fault},
    progress::Phase,
    split::Weight,
};

use super::*;

/// A shift to a step of the plan, counted from 0, from `weight`.
fn input(plan: Plan, weight: u8, step: usize) -> Input {
    let weight = Weight::new(weight).unwrap();
    Input { plan, progress: Progress { weight, step, ..Progress::begin(Phase::Shifting) }, entered: SHIFTED }
}

fn both_stand(route: &[(&str, u32)]) -> State {
    State {
        routes: [("web-route".to_owned(), live(route))].into(),
        stacks: [ready("demo-web-aaa"), ready("demo-web-bbb")].into(),
        ..State::default()
    }
}

/// Promise 1.
#[tokio::test]
async fn a_step_sets_the_absolute_weight_whatever_fails() {
    let start = both_stand(&[("web-aaa", 75), ("web-bbb", 25)]);
    let end = survives_every_fault(&start, async |world: &World| {
        handle(input(canary_plan(), 25, 1), world, || SHIFTED).await
    })
    .await;
    assert_eq!(end.routes["web-route"], live(&[("web-aaa", 50), ("web-bbb", 50)]));
}

#[tokio::test]
async fn at_100_percent_the_stable_version_is_no_longer_named() {
    let world = World::new(both_stand(&[("web-aaa", 25), ("web-bbb", 75)]));
    let progress = handle(input(canary_plan(), 75, 3), &world, || SHIFTED).await.unwrap();
    assert_eq!((progress.weight, progress.phase), (Weight::ALL, Phase::Watching));
    assert_eq!(world.state().routes["web-route"], live(&[("web-bbb", 100)]));
}

#[tokio::test]
async fn a_first_deployment_makes_the_route_whatever_fails() {
    let start = State { stacks: [ready("demo-web-bbb")].into(), ..State::default() };
    let end =
        survives_every_fault(&start, async |world: &World| handle(input(first_plan(), 0, 0), world, || SHIFTED).await)
            .await;
    assert_eq!(end.routes["web-route"], live(&[("web-bbb", 100)]));
}

/// Promise 5.
#[tokio::test]
async fn a_shift_that_is_tried_again_began_when_the_state_was_entered() {
    let world = World::new(both_stand(&[("web-aaa", 100)]));
    world.fail(1, Fault::After);
    handle(input(canary_plan(), 0, 0), &world, || SHIFTED).await.unwrap_err();
    let later = SHIFTED + Duration::minutes(10);
    let progress = handle(input(canary_plan(), 0, 0), &world, || later).await.unwrap();
    assert_eq!((progress.since, progress.shifted_at), (Some(SHIFTED), Some(SHIFTED)));
    assert_eq!(progress.reported_at, Some(later), "what is to be healthy was measured at this weight");
    assert_eq!(progress.wait_seconds, 60, "the step's watch time");
}

/// Promise 4.
#[tokio::test]
async fn what_somebody_else_did_to_the_route_is_never_overwritten() {
    let third_target: &[(&str, u32)] = &[("web-aaa", 65), ("web-bbb", 25), ("web-ccc", 10)];
    let other_weights: &[(&str, u32)] = &[("web-aaa", 90), ("web-bbb", 10)];
    let ahead_of_us: &[(&str, u32)] = &[("web-bbb", 100)];
    for changed in [third_target, other_weights, ahead_of_us] {
        let world = World::new(both_stand(changed));
        let error = handle(input(canary_plan(), 25, 1), &world, || SHIFTED).await.unwrap_err();
        assert_eq!(error.name(), "Canary.UnexpectedRoute", "{changed:?}");
        assert!(error.to_string().ends_with("this deployment left it with `web-aaa`: 75, `web-bbb`: 25"), "{error}");
        assert_eq!(world.state().routes["web-route"], live(changed));
    }
}

#[tokio::test]
async fn a_stable_version_alone_has_all_traffic_whatever_its_relative_weight() {
    let world = World::new(both_stand(&[("web-aaa", 1)]));
    handle(input(canary_plan(), 0, 0), &world, || SHIFTED).await.unwrap();
    assert_eq!(world.state().routes["web-route"], live(&[("web-aaa", 75), ("web-bbb", 25)]));
}

/// Promise 4.
#[tokio::test]
async fn a_route_that_is_gone_or_somebody_elses_is_refused() {
    let gone = World::new(State { stacks: both_stand(&[]).stacks, ..State::default() });
    let error = handle(input(canary_plan(), 0, 0), &gone, || SHIFTED).await.unwrap_err();
    assert_eq!(error.name(), "Canary.UnexpectedRoute");
    let taken = World::new(both_stand(&[("web-aaa", 100)]));
    let error = handle(input(first_plan(), 0, 0), &taken, || SHIFTED).await.unwrap_err();
    assert_eq!(error.name(), "Canary.UnexpectedRoute");
}

/// Promise 3.
#[tokio::test]
async fn a_shift_that_the_router_does_not_report_is_an_error() {
    let router = World::new(State { stubborn_routes: true, ..both_stand(&[("web-aaa", 100)]) });
    let error = handle(input(canary_plan(), 0, 0), &router, || SHIFTED).await.unwrap_err();
    assert_eq!(error.name(), "Canary.ShiftNotApplied");
    assert_eq!(error.to_string(), "route of `web` reports `web-aaa`: 100 after `web-aaa`: 75, `web-bbb`: 25 was set");
}

#[tokio::test]
async fn after_the_last_step_there_is_nothing_to_set() {
    let world = World::new(both_stand(&[("web-bbb", 100)]));
    let error = handle(input(canary_plan(), 100, 4), &world, || SHIFTED).await.unwrap_err();
    assert_eq!(error.name(), "Canary.InvalidState");
    assert!(world.calls().is_empty());
}

/// Promise 1.
#[tokio::test]
async fn a_lost_answer_to_a_shift_is_not_a_second_step() {
    let world = World::new(both_stand(&[("web-aaa", 100)]));
    world.fail(1, Fault::After);
    handle(input(canary_plan(), 0, 0), &world, || SHIFTED).await.unwrap_err();
    handle(input(canary_plan(), 0, 0), &world, || SHIFTED).await.unwrap();
    assert_eq!(world.state().routes["web-route"], live(&[("web-aaa", 75), ("web-bbb", 25)]));
    assert_eq!(world.calls().iter().filter(|call| call.starts_with("UpdateRoute")).count(), 1);
}
