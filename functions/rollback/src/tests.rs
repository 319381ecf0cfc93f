#![allow(clippy::unwrap_used)]

use canary_core::{
    error::{INTERRUPTED, NOT_RUNNING, Refusal, UNHEALTHY},
    fakes::{Fault, Held, SHIFTED, State, World, canary_plan, first_plan, live, ready, survives_every_fault},
    record::Record,
    stack::{Stack, StackPhase},
};
use serde_json::json;

use super::*;

const LAMBDA_CAUSE: &str = r#"{"errorType":"Canary.StackFailed","errorMessage":"stack is dead"}"#;

fn input(plan: Plan, error: &str) -> Input {
    let failure = Failure { error: error.to_owned(), cause: LAMBDA_CAUSE.to_owned() };
    let phase = if error == INTERRUPTED { Phase::Interrupted } else { Phase::Retiring };
    Input { plan, phase, failure, execution: "arn:execution".to_owned(), deletions: 0 }
}

async fn roll_back_after(world: &World, plan: fn() -> Plan, error: &str) -> Result<Output> {
    let mut asked = Deletions::default();
    loop {
        let input = Input { deletions: asked.deletions, ..input(plan(), error) };
        match handle(input, world, world, world, world, SHIFTED).await? {
            Output::InProgress(deletions) => asked = deletions,
            done => return Ok(done),
        }
    }
}

async fn roll_back(world: &World) -> Result<Output> {
    roll_back_after(world, canary_plan, UNHEALTHY).await
}

/// The candidate's stack, which stands.
fn made() -> (String, Stack) {
    ("demo-web-bbb".to_owned(), Stack::in_phase(StackPhase::Ready, Some("arn:execution")))
}

fn at(route: &[(&str, u32)]) -> State {
    State {
        routes: [("web-route".to_owned(), live(route))].into(),
        stacks: [ready("demo-web-aaa"), made()].into(),
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
    for phase in [
        StackPhase::Creating,
        StackPhase::Busy,
        StackPhase::Dead,
        StackPhase::Broken,
        StackPhase::Deleting,
        StackPhase::DeleteFailed,
    ] {
        let mut start = at(&[("web-aaa", 100)]);
        start.stacks.insert("demo-web-bbb".to_owned(), Stack::in_phase(phase, Some("arn:execution")));
        assert_eq!(survives_every_fault(&start, roll_back).await, as_before(), "{phase:?}");
    }
    assert_eq!(survives_every_fault(&as_before(), roll_back).await, as_before());
}

/// Promise 6.
#[tokio::test]
async fn after_an_answer_that_nobody_understood_everything_is_as_before() {
    let failure = json!({"Error": "Canary.NotUnderstood"});
    let whole = json!({"plan": canary_plan(), "failure": failure, "execution": "arn:execution", "deletions": 0});
    for progress in
        [json!({}), json!({"phase": "Pondering", "step": 1}), json!({"phase": "Watching"}), json!("Watching")]
    {
        let roll_back = async |world: &World| {
            let mut input = whole.clone();
            input["progress"] = progress.clone();
            loop {
                let now: Input = serde_json::from_value(input.clone()).unwrap();
                match handle(now, world, world, world, world, SHIFTED).await? {
                    Output::InProgress(Deletions { deletions }) => input["deletions"] = deletions.into(),
                    end => return Ok(end),
                }
            }
        };
        let start = at(&[("web-aaa", 75), ("web-bbb", 25)]);
        assert_eq!(survives_every_fault(&start, roll_back).await, as_before(), "{progress}");
    }
}

/// Promise 6.
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

/// Promises 3 and 6.
#[tokio::test]
async fn traffic_that_does_not_move_keeps_the_candidate() {
    let world = World::new(State { stubborn_routes: true, ..at(&[("web-aaa", 75), ("web-bbb", 25)]) });
    assert_eq!(roll_back(&world).await.unwrap_err().name(), "Canary.ShiftNotApplied");
    assert!(world.state().stacks.contains_key("demo-web-bbb"));
    assert!(!world.calls().iter().any(|call| call.starts_with("DeleteStack")));
}

/// Promise 8.
#[tokio::test]
async fn a_recorded_candidate_that_turns_out_bad_is_taken_back_and_so_is_its_record() {
    for error in [NOT_RUNNING, UNHEALTHY] {
        let start = State { record: Some(Record { sha: "bbb".into(), version: 2 }), ..at(&[("web-bbb", 100)]) };
        let end =
            survives_every_fault(&start, async |world: &World| roll_back_after(world, canary_plan, error).await).await;
        assert_eq!(end, State { record: Some(Record { sha: "aaa".into(), version: 3 }), ..as_before() }, "{error}");
    }
}

/// Promise 13.
#[tokio::test]
async fn a_take_back_that_is_interrupted_at_any_call_is_finished_by_a_repair() {
    let left = || Plan { execution: "arn:earlier".to_owned(), ..canary_plan() };
    let mut start = State { record: Some(Record { sha: "bbb".into(), version: 2 }), ..at(&[("web-bbb", 100)]) };
    start.stacks.insert("demo-web-bbb".to_owned(), Stack::in_phase(StackPhase::Ready, Some("arn:earlier")));
    start.lock = held("arn:earlier", Some(left()));
    let step = async |world: &World| {
        handle(
            Input { execution: "arn:earlier".to_owned(), ..input(left(), NOT_RUNNING) },
            world,
            world,
            world,
            world,
            SHIFTED,
        )
        .await
    };
    let clean = World::new(start.clone());
    step(&clean).await.unwrap();
    let calls = clean.calls();
    let moved = calls.iter().position(|call| call.starts_with("UpdateRoute")).unwrap();
    for (nth, call) in calls.iter().enumerate().skip(moved + 1) {
        let world = World::new(start.clone());
        world.refuse(nth, Refusal::AccessDenied);
        let _ = step(&world).await;
        world.state().lock = held("arn:execution", Some(left()));
        let repaired = roll_back_after(&world, left, INTERRUPTED).await.unwrap();
        assert!(matches!(repaired, Output::RolledBack(_)), "{call}: {repaired:?}");
        let record = Some(Record { sha: "aaa".into(), version: 3 });
        assert_eq!(
            *world.state(),
            State { lock: held("arn:execution", None), record, ..as_before() },
            "{}",
            calls[nth]
        );
    }
}

#[tokio::test]
async fn a_repair_that_cannot_remove_the_old_version_does_not_claim_its_own_version_live() {
    let left = || Plan { execution: "arn:earlier".to_owned(), ..canary_plan() };
    for (error, kept) in [("Canary.Unavailable", true), ("Canary.OldVersionNotRemoved", false)] {
        let mut start = State { record: Some(Record { sha: "bbb".into(), version: 2 }), ..at(&[("web-bbb", 100)]) };
        start.lock = held("arn:execution", Some(left()));
        let world = World::new(start);
        let failed = roll_back_after(&world, left, error).await.unwrap_err();
        assert_eq!(failed.name(), "Canary.RollbackIncomplete");
        let plan = world.state().lock.clone().and_then(|held| held.unfinished);
        assert_eq!(plan.is_some(), kept, "{error}");
    }
}

/// Promise 6.
#[tokio::test]
async fn the_record_is_taken_back_after_the_traffic_and_before_the_stack_goes() {
    let world = World::new(State { record: Some(Record { sha: "bbb".into(), version: 2 }), ..at(&[("web-bbb", 100)]) });
    roll_back_after(&world, canary_plan, NOT_RUNNING).await.unwrap();
    let calls = world.calls();
    let place = |name: &str| calls.iter().position(|call| call.starts_with(name)).unwrap();
    let (moved, recorded, deleted) = (place("UpdateRoute"), place("PutParameter"), place("DeleteStack"));
    assert!(moved < recorded && recorded < deleted, "{calls:?}");
}

#[tokio::test]
async fn a_removal_that_an_outage_stopped_is_left_to_the_next_deployment() {
    let lock = held("arn:execution", Some(canary_plan()));
    let record = Some(Record { sha: "bbb".into(), version: 2 });
    for (error, kept) in [("Canary.Unavailable", true), ("States.Timeout", true), ("Canary.AccessDenied", false)] {
        let world = World::new(State { record: record.clone(), lock: lock.clone(), ..at(&[("web-bbb", 100)]) });
        let output = roll_back_after(&world, canary_plan, error).await.unwrap();
        let Output::OldVersionKept(Outcome { summary, .. }) = output else { panic!("{output:?}") };
        assert_eq!(summary.contains("the next deployment or a repair removes"), kept, "{summary}");
        assert_eq!(world.state().lock.is_some(), kept, "{error}");
    }
}

/// Promise 8.
#[tokio::test]
async fn a_deployment_whose_traffic_somebody_gave_back_to_the_old_version_is_taken_back() {
    let world = World::new(State { record: Some(Record { sha: "bbb".into(), version: 2 }), ..at(&[("web-aaa", 100)]) });
    let output = roll_back_after(&world, canary_plan, "Canary.UnexpectedRoute").await.unwrap();
    assert!(matches!(output, Output::RolledBack(_)), "{output:?}");
    let end = world.state();
    assert_eq!(end.record.as_ref().map(|record| record.sha.as_str()), Some("aaa"));
    assert!(!end.stacks.contains_key("demo-web-bbb"));
}

/// Promise 9.
#[tokio::test]
async fn a_version_with_a_share_of_the_traffic_takes_all_of_it_though_its_stack_is_not_ours() {
    let mut start = at(&[("web-aaa", 75), ("web-bbb", 25)]);
    start.stacks.get_mut("demo-web-aaa").unwrap().service = Some("another tool's".into());
    let world = World::new(start);
    roll_back(&world).await.unwrap();
    assert_eq!(world.state().routes["web-route"], live(&[("web-aaa", 100)]));
}

/// Promise 8.
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
    input.phase = Phase::Shifting;
    handle(input, &world, &world, &world, &world, SHIFTED).await.unwrap();
    assert_eq!(world.state().routes["web-route"], live(&[("web-aaa", 100)]));
    assert!(!world.calls().iter().any(|call| call.starts_with("GetParameter")));
}

#[tokio::test]
async fn a_stack_of_the_candidates_name_that_this_deployment_did_not_make_is_left_alone() {
    for maker in [None, Some("arn:earlier")] {
        let mut start = at(&[("web-aaa", 100)]);
        start.stacks.insert("demo-web-bbb".to_owned(), Stack::in_phase(StackPhase::Ready, maker));
        let world = World::new(start.clone());
        roll_back_after(&world, canary_plan, "Canary.StackFailed").await.unwrap();
        assert_eq!(*world.state(), start, "{maker:?}");
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
        stacks: [made()].into(),
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
    let Output::OldVersionKept(Outcome { summary, error }) = output else { panic!("{output:?}") };
    assert!(summary.contains("recorded as the live version"), "{summary}");
    assert_eq!(error, "Canary.OldVersionNotRemoved");
    assert_eq!(*world.state(), start);
}

#[tokio::test]
async fn whatever_a_removal_failed_with_the_command_that_finishes_it_is_told_once() {
    let told = delete_command("demo-web-aaa");
    for cause in ["`ListRoutes` of `web-vr` failed: AccessDenied", &format!("it could not be deleted; {told}")] {
        let record = Some(Record { sha: "bbb".into(), version: 2 });
        let world = World::new(State { record, ..at(&[("web-bbb", 100)]) });
        let mut input = input(canary_plan(), "Canary.AccessDenied");
        input.failure.cause = cause.to_owned();
        let output = handle(input, &world, &world, &world, &world, SHIFTED).await.unwrap();
        let Output::OldVersionKept(Outcome { summary, .. }) = output else { panic!("{output:?}") };
        assert_eq!(summary.matches(&told).count(), 1, "{summary}");
    }
}

#[tokio::test]
async fn an_earlier_record_of_the_same_commit_is_not_this_deployments() {
    let start = State { record: Some(Record { sha: "bbb".into(), version: 1 }), ..at(&[("web-bbb", 100)]) };
    let world = World::new(start);
    let output = roll_back_after(&world, canary_plan, "States.Timeout").await.unwrap();
    let Output::RolledBack(Outcome { error, .. }) = output else { panic!("{output:?}") };
    assert_eq!(error, "Canary.StateFailed", "AWS keeps `States.Timeout` for itself");
    assert_eq!(world.state().routes["web-route"], live(&[("web-aaa", 100)]));
}

/// Promise 9.
#[tokio::test]
async fn traffic_is_not_moved_to_a_stable_version_that_is_gone() {
    let mut start = at(&[("web-bbb", 100)]);
    start.stacks.remove("demo-web-aaa");
    start.lock = held("arn:execution", Some(canary_plan()));
    let world = World::new(start.clone());
    let error = roll_back(&world).await.unwrap_err();
    assert_eq!(error.name(), "Canary.RollbackIncomplete");
    assert!(error.to_string().contains("stack `demo-web-aaa` cannot serve, so traffic cannot return to it"), "{error}");
    assert_eq!(*world.state(), start);
}

/// What has to be so however a candidate's stack refuses to go: the traffic is back, nobody is kept from deploying, and the
/// cause says what stays, why, and the command.
async fn stays(start: State, why: &str) {
    let start = State { lock: held("arn:execution", Some(canary_plan())), ..start };
    let end = survives_every_fault(&start, async |world: &World| match roll_back(world).await {
        Err(Error::RollbackIncomplete(told)) => Ok(told),
        Err(error) => Err(error),
        Ok(done) => panic!("{done:?}"),
    })
    .await;
    assert_eq!(end.routes["web-route"], live(&[("web-aaa", 100)]), "{why}");
    assert_eq!(end.lock, None, "{why}");
    assert!(end.stacks.contains_key("demo-web-bbb"), "{why}");

    let message = roll_back(&World::new(start)).await.unwrap_err().to_string();
    let left = format!("all traffic of `web` is on `web-aaa`, but stack `demo-web-bbb` could not be deleted ({why}); ");
    assert!(message.starts_with(&left), "{message}");
    assert!(message.contains("`aws cloudformation delete-stack --stack-name demo-web-bbb`"), "{message}");
}

#[tokio::test]
async fn a_stack_that_will_not_go_does_not_keep_the_traffic_from_moving() {
    let name = || "demo-web-bbb".to_owned();
    for phase in [StackPhase::Ready, StackPhase::Dead, StackPhase::DeleteFailed] {
        let mut undeletable = at(&[("web-aaa", 75), ("web-bbb", 25)]);
        undeletable.stacks.insert(name(), Stack::in_phase(phase, Some("arn:execution")));
        if phase == StackPhase::Dead {
            undeletable.routes.insert("web-route".to_owned(), live(&[("web-aaa", 100)]));
        }
        undeletable.undeletable.insert(name());
        undeletable.failures.insert(name(), vec!["VirtualNode: in use".to_owned()]);
        stays(undeletable, "VirtualNode: in use").await;
    }
    let mut protected = at(&[("web-aaa", 75), ("web-bbb", 25)]);
    protected.protected.insert(name());
    stays(protected, "DeleteStack of `demo-web-bbb` failed: injected").await;
}

/// Promise 7.
#[tokio::test]
async fn a_candidate_that_another_route_names_stays_and_keeps_nobody_from_deploying() {
    let mut start = at(&[("web-aaa", 75), ("web-bbb", 25)]);
    start.routes.insert("beta".to_owned(), live(&[("web-bbb", 1)]));
    stays(start, "will not remove `web-bbb`: still named by `beta`").await;
}

/// Promise 18.
#[tokio::test]
async fn a_deletion_that_fails_is_asked_for_once_more() {
    let mut start = at(&[("web-aaa", 75), ("web-bbb", 25)]);
    start.reluctant.insert("demo-web-bbb".to_owned());
    assert_eq!(survives_every_fault(&start, roll_back).await, as_before());
    start.undeletable.insert("demo-web-bbb".to_owned());
    let world = World::new(start);
    roll_back(&world).await.unwrap_err();
    assert_eq!(world.calls().iter().filter(|call| call.starts_with("DeleteStack")).count(), 2);
}

#[tokio::test]
async fn the_summary_says_what_stands_and_what_failed() {
    let world = World::new(at(&[("web-aaa", 100)]));
    let output = roll_back_after(&world, canary_plan, "Canary.StackFailed").await.unwrap();
    let Output::RolledBack(Outcome { summary, .. }) = output else { panic!("{output:?}") };
    assert_eq!(
        summary,
        "all traffic of `web` is on `web-aaa`. The deployment failed with Canary.StackFailed: stack is dead"
    );
}

#[tokio::test]
async fn the_summary_says_what_somebody_else_put_on_the_route_and_it_stays() {
    type Made = fn() -> Plan;
    let third = at(&[("web-aaa", 60), ("web-bbb", 30), ("web-ccc", 10)]);
    let third = State { stacks: third.stacks.into_iter().chain([ready("demo-web-ccc")]).collect(), ..third };
    let others = State { record: None, ..at(&[("web-ccc", 100)]) };
    for (start, plan, left, has) in [
        (third, canary_plan as Made, &[("web-aaa", 90), ("web-ccc", 10)][..], "`web-aaa`: 90, `web-ccc`: 10"),
        (others, first_plan as Made, &[("web-ccc", 100)][..], "`web-ccc`: 100"),
    ] {
        let world = World::new(start);
        let output = roll_back_after(&world, plan, "Canary.UnexpectedRoute").await.unwrap();
        let Output::RolledBack(Outcome { summary, .. }) = output else { panic!("{output:?}") };
        let told = "somebody else changed the route of `web`, which has";
        assert!(summary.starts_with(&format!("{told} {has}. ")), "{summary}");
        assert_eq!(world.state().routes["web-route"], live(left));
    }
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
    start.stacks.insert("demo-web-bbb".to_owned(), Stack::in_phase(StackPhase::Ready, Some("arn:earlier")));
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
    assert_eq!(output, Output::Promoted(Deletions::default()), "the next visit to this state reads the count");
    assert_eq!(*world.state(), start);
}

#[tokio::test]
async fn a_deployment_that_was_taken_over_touches_nothing_any_more_and_says_what_it_left() {
    let lock = held("arn:later", None);
    let took = "`arn:later` has taken the service over";
    let untouched = async |start: State| {
        let world = World::new(start.clone());
        let ended = roll_back_after(&world, canary_plan, "Canary.OldVersionNotRemoved").await;
        assert_eq!(*world.state(), start);
        ended
    };

    let ended = untouched(State { lock: lock.clone(), ..as_before() }).await.unwrap();
    let Output::RolledBack(Outcome { summary, .. }) = ended else { panic!("{ended:?}") };
    assert!(summary.starts_with(&format!("{took}. ")), "{summary}");

    let record = Some(Record { sha: "bbb".into(), version: 2 });
    let ended = untouched(State { lock: lock.clone(), record, ..at(&[("web-bbb", 100)]) }).await.unwrap();
    let Output::OldVersionKept(Outcome { summary, .. }) = ended else { panic!("{ended:?}") };
    assert!(summary.starts_with(&format!("{took}, but stack `demo-web-aaa` of the version before it")), "{summary}");

    let repair = || Plan { execution: "arn:earlier".to_owned(), ..canary_plan() };
    let record = Some(Record { sha: "bbb".into(), version: 2 });
    let world = World::new(State { lock: lock.clone(), record, ..at(&[("web-bbb", 100)]) });
    let error = roll_back_after(&world, repair, "Canary.Conflict").await.unwrap_err();
    assert_eq!(error.name(), "Canary.RollbackIncomplete", "it is not the repair's own version that is live");

    let mut start = State { lock: lock.clone(), ..at(&[("web-aaa", 100)]) };
    start.failures.insert("demo-web-bbb".to_owned(), vec!["VirtualNode: in use".to_owned()]);
    let error = untouched(start).await.unwrap_err().to_string();
    let left =
        "stack `demo-web-bbb` could not be deleted (VirtualNode: in use); remove the cause and delete it with `aws";
    assert!(error.starts_with(&format!("{took}, but {left}")), "{error}");

    let error = untouched(State { lock, ..at(&[("web-bbb", 100)]) }).await.unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("{took}, but stack `demo-web-bbb` stays, because `web-route` names it. ")),
        "{error}"
    );
}

#[tokio::test]
async fn traffic_does_not_wait_for_a_lock_table_that_does_not_answer() {
    let world = World::new(at(&[("web-aaa", 75), ("web-bbb", 25)]));
    world.fail(0, Fault::Before);
    roll_back(&world).await.unwrap();
    assert_eq!(world.calls()[0], "UpdateItem demo/web", "the call that failed");
    assert_eq!(*world.state(), as_before());
}
