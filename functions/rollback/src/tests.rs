#![allow(clippy::unwrap_used)]

use canary_core::{
    error::INTERRUPTED,
    fakes::{Fault, Held, SHIFTED, State, World, canary_plan, first_plan, live, ready, survives_every_fault},
    ports::{Record, Stack},
    split::Weight,
};

use super::*;

const LAMBDA_CAUSE: &str = r#"{"errorType":"Canary.StackFailed","errorMessage":"stack is dead"}"#;

fn input(plan: Plan, error: &str) -> Input {
    let failure = Failure { error: error.to_owned(), cause: LAMBDA_CAUSE.to_owned() };
    let traffic = Traffic { weight: Weight::ALL, target: None, since: Some(SHIFTED), shifted_at: Some(SHIFTED) };
    Input { plan, traffic, failure, execution: "arn:execution".to_owned() }
}

async fn roll_back_after(world: &World, plan: fn() -> Plan, error: &str) -> Result<Output> {
    loop {
        match handle(input(plan(), error), world, world, world, world, SHIFTED).await? {
            Output::InProgress => {}
            done => return Ok(done),
        }
    }
}

async fn roll_back(world: &World) -> Result<Output> {
    roll_back_after(world, canary_plan, UNHEALTHY).await
}

fn at(route: &[(&str, u32)]) -> State {
    State {
        routes: [("web-route".to_owned(), live(route))].into(),
        stacks: [ready("demo-web-aaa"), ready("demo-web-bbb")].into(),
        record: Some(Record { sha: "aaa".into(), version: 1 }),
        ..State::default()
    }
}

fn as_before() -> State {
    State { stacks: [ready("demo-web-aaa")].into(), ..at(&[("web-aaa", 100)]) }
}

#[tokio::test]
async fn from_any_weight_and_any_fault_everything_is_as_before() {
    for route in [&[("web-aaa", 100)][..], &[("web-aaa", 75), ("web-bbb", 25)], &[("web-bbb", 100)]] {
        assert_eq!(survives_every_fault(&at(route), roll_back).await, as_before(), "{route:?}");
    }
}

#[tokio::test]
async fn from_any_state_of_the_candidates_stack_everything_is_as_before() {
    for phase in [StackPhase::Creating, StackPhase::Dead, StackPhase::Broken, StackPhase::Deleting] {
        let mut start = at(&[("web-aaa", 100)]);
        start.stacks.insert("demo-web-bbb".to_owned(), Stack::in_phase(phase, Some("arn:execution")));
        assert_eq!(survives_every_fault(&start, roll_back).await, as_before(), "{phase:?}");
    }
    assert_eq!(survives_every_fault(&as_before(), roll_back).await, as_before());
}

#[tokio::test]
async fn traffic_is_back_and_verified_before_the_candidate_is_touched() {
    let world = World::new(at(&[("web-aaa", 75), ("web-bbb", 25)]));
    roll_back(&world).await.unwrap();
    let calls = world.calls();
    let place = |name: &str| calls.iter().position(|call| call.starts_with(name)).unwrap();
    let (moved, checked, deleted) = (place("UpdateRoute"), place("ListRoutes"), place("DeleteStack"));
    assert!(moved < checked && checked < deleted, "{calls:?}");
    assert!(calls[moved..checked].iter().any(|call| call.starts_with("DescribeRoute")), "{calls:?}");
}

#[tokio::test]
async fn traffic_that_does_not_move_keeps_the_candidate() {
    let world = World::new(State { stubborn_routes: true, ..at(&[("web-aaa", 75), ("web-bbb", 25)]) });
    assert_eq!(roll_back(&world).await.unwrap_err().name(), "Canary.ShiftNotApplied");
    assert!(world.state().stacks.contains_key("demo-web-bbb"));
    assert!(!world.calls().iter().any(|call| call.starts_with("DeleteStack")));
}

#[tokio::test]
async fn a_recorded_version_is_not_deleted_though_somebody_moved_its_traffic() {
    let mut start = State { record: Some(Record { sha: "bbb".into(), version: 2 }), ..at(&[("web-aaa", 100)]) };
    start.stacks.insert("demo-web-aaa".to_owned(), Stack::in_phase(StackPhase::Deleting, None));
    let world = World::new(start);
    let error = roll_back_after(&world, canary_plan, "Canary.UnexpectedRoute").await.unwrap_err();
    assert_eq!(error.name(), "Canary.RollbackIncomplete");
    assert!(world.state().stacks.contains_key("demo-web-bbb"));
}

#[tokio::test]
async fn on_the_way_to_100_percent_traffic_does_not_wait_for_ssm() {
    let world = World::new(at(&[("web-aaa", 75), ("web-bbb", 25)]));
    let mut input = input(canary_plan(), "Canary.AccessDenied");
    input.traffic.target = Some(Weight::ALL);
    handle(input, &world, &world, &world, &world, SHIFTED).await.unwrap();
    assert_eq!(world.state().routes["web-route"], live(&[("web-aaa", 100)]));
    assert!(!world.calls().iter().any(|call| call.starts_with("GetParameter")));
}

#[tokio::test]
async fn a_stack_that_only_has_the_candidates_name_is_left_alone() {
    let others = Stack { service: Some("de/mo-web".into()), ..Stack::in_phase(StackPhase::Ready, Some("arn:other")) };
    for found in [Stack::in_phase(StackPhase::Ready, None), others] {
        let mut start = at(&[("web-aaa", 100)]);
        start.stacks.insert("demo-web-bbb".to_owned(), found);
        let world = World::new(start.clone());
        roll_back_after(&world, canary_plan, "Canary.StackFailed").await.unwrap();
        assert_eq!(*world.state(), start);
    }
}

#[tokio::test]
async fn a_stack_of_another_service_with_the_stable_versions_name_takes_no_traffic() {
    let mut start = at(&[("web-bbb", 100)]);
    let stable = start.stacks.get_mut("demo-web-aaa").unwrap();
    stable.service = Some("de/mo-web".into());
    let error = roll_back_after(&World::new(start), canary_plan, "Canary.Unhealthy").await.unwrap_err();
    assert_eq!(error.name(), "Canary.RollbackIncomplete");
}

#[tokio::test]
async fn a_failed_first_deployment_leaves_nothing() {
    let start = State {
        routes: [("web-route".to_owned(), live(&[("web-bbb", 100)]))].into(),
        stacks: [ready("demo-web-bbb")].into(),
        ..State::default()
    };
    let end =
        survives_every_fault(&start, async |world: &World| roll_back_after(world, first_plan, UNHEALTHY).await).await;
    assert_eq!(end, State::default());
}

#[tokio::test]
async fn a_version_that_was_already_recorded_stays() {
    let start = State { record: Some(Record { sha: "bbb".into(), version: 2 }), ..at(&[("web-bbb", 100)]) };
    let world = World::new(start.clone());
    let output = roll_back_after(&world, canary_plan, "Canary.OldVersionNotRemoved").await.unwrap();
    assert!(matches!(&output, Output::Promoted { summary } if summary.contains("recorded as the live version")));
    assert_eq!(*world.state(), start);
}

#[tokio::test]
async fn an_earlier_record_of_the_same_commit_is_not_this_deployments() {
    let start = State { record: Some(Record { sha: "bbb".into(), version: 1 }), ..at(&[("web-bbb", 100)]) };
    let world = World::new(start);
    let output = roll_back_after(&world, canary_plan, "States.Timeout").await.unwrap();
    assert!(matches!(output, Output::RolledBack { .. }));
    assert_eq!(world.state().routes["web-route"], live(&[("web-aaa", 100)]));
}

#[tokio::test]
async fn traffic_is_not_moved_to_a_stable_version_that_is_gone() {
    let mut start = at(&[("web-bbb", 100)]);
    start.stacks.remove("demo-web-aaa");
    start.lock = held("arn:execution", Some(canary_plan()));
    let world = World::new(start.clone());
    let error = roll_back(&world).await.unwrap_err();
    assert_eq!(error.name(), "Canary.RollbackIncomplete");
    assert!(error.to_string().contains("stack `demo-web-aaa` is not there to take the traffic back"), "{error}");
    assert_eq!(*world.state(), start);
}

#[tokio::test]
async fn a_stack_that_will_not_go_does_not_keep_the_traffic_from_moving() {
    let mut start = at(&[("web-aaa", 75), ("web-bbb", 25)]);
    start.stacks.insert("demo-web-bbb".to_owned(), Stack::in_phase(StackPhase::DeleteFailed, Some("arn:execution")));
    let world = World::new(start);
    let error = roll_back(&world).await.unwrap_err();
    assert_eq!(error.name(), "Canary.RollbackIncomplete");
    let message = error.to_string();
    assert!(message.starts_with("all traffic of `web` is on `web-aaa`, but stack `demo-web-bbb`"), "{message}");
    assert_eq!(world.state().routes["web-route"], live(&[("web-aaa", 100)]));
}

#[tokio::test]
async fn the_summary_says_what_stands_and_what_failed() {
    let world = World::new(at(&[("web-aaa", 100)]));
    let output = roll_back_after(&world, canary_plan, "Canary.StackFailed").await.unwrap();
    let Output::RolledBack { summary } = output else { panic!("{output:?}") };
    assert_eq!(
        summary,
        "all traffic of `web` is on `web-aaa`. The deployment failed with Canary.StackFailed: stack is dead"
    );
}

fn held(holder: &str, unfinished: Option<Plan>) -> Option<Held> {
    Some(Held { holder: holder.to_owned(), since: SHIFTED, unfinished })
}

#[tokio::test]
async fn the_lock_is_let_go_at_the_end_whatever_fails() {
    let start = State { lock: held("arn:execution", Some(canary_plan())), ..at(&[("web-aaa", 75), ("web-bbb", 25)]) };
    assert_eq!(survives_every_fault(&start, roll_back).await, as_before());
}

#[tokio::test]
async fn what_an_ended_deployment_left_is_taken_back_by_the_one_that_repairs_which_keeps_the_lock() {
    let left = || Plan { execution: "arn:earlier".to_owned(), ..canary_plan() };
    let mut start = at(&[("web-aaa", 50), ("web-bbb", 50)]);
    start.lock = held("arn:execution", Some(left()));
    let end = survives_every_fault(&start, async |world: &World| {
        roll_back_after(world, || Plan { execution: "arn:earlier".to_owned(), ..canary_plan() }, INTERRUPTED).await
    })
    .await;
    assert_eq!(end, State { lock: held("arn:execution", None), ..as_before() });
}

#[tokio::test]
async fn a_repair_of_a_recorded_version_leaves_the_plan_to_the_removal() {
    let left = || Plan { execution: "arn:earlier".to_owned(), ..canary_plan() };
    let mut start = at(&[("web-bbb", 100)]);
    start.record = Some(Record { sha: "bbb".into(), version: 2 });
    start.lock = held("arn:execution", Some(left()));
    let world = World::new(start.clone());
    let output = roll_back_after(&world, left, INTERRUPTED).await.unwrap();
    assert!(matches!(output, Output::Promoted { .. }), "{output:?}");
    assert_eq!(*world.state(), start);
}

#[tokio::test]
async fn a_stack_that_cannot_be_deleted_keeps_nobody_from_deploying() {
    let mut start = at(&[("web-aaa", 75), ("web-bbb", 25)]);
    start.stacks.insert("demo-web-bbb".to_owned(), Stack::in_phase(StackPhase::DeleteFailed, Some("arn:execution")));
    start.lock = held("arn:execution", Some(canary_plan()));
    let world = World::new(start);
    assert_eq!(roll_back(&world).await.unwrap_err().name(), "Canary.RollbackIncomplete");
    assert_eq!(world.state().routes["web-route"], live(&[("web-aaa", 100)]));
    assert_eq!(world.state().lock, None);
}

#[tokio::test]
async fn a_deployment_that_was_taken_over_touches_nothing_any_more() {
    let start = State { lock: held("arn:later", None), ..at(&[("web-aaa", 75), ("web-bbb", 25)]) };
    let world = World::new(start.clone());
    let Output::RolledBack { summary } = roll_back(&world).await.unwrap() else { panic!("an end") };
    assert!(summary.starts_with("`arn:later` has taken the service over. "), "{summary}");
    assert_eq!(*world.state(), start);
}

#[tokio::test]
async fn traffic_does_not_wait_for_a_lock_table_that_does_not_answer() {
    let world = World::new(at(&[("web-aaa", 75), ("web-bbb", 25)]));
    world.fail(0, Fault::Before);
    roll_back(&world).await.unwrap();
    assert_eq!(world.calls()[0], "UpdateItem demo/web", "the call that failed");
    assert_eq!(*world.state(), as_before());
}
