#![allow(clippy::unwrap_used)]

use canary_core::{
    error::Refusal,
    fakes::{Held, SHIFTED, State, World, canary_plan, first_plan, live, ready, survives_every_fault},
    record::Record,
    stack::{Stack, StackPhase},
    tasks::Tasks,
};

use super::*;

/// As the state machine does: call until it is no longer in progress.
async fn remove(world: &World, plan: fn() -> Plan) -> Result<Output> {
    let mut asked = Deletions::default();
    loop {
        let input = Input { plan: plan(), execution: "arn:execution".to_owned(), deletions: asked.deletions };
        let ports = Ports { router: world, stacks: world, states: world, records: world, locks: world };
        match handle(input, ports, SHIFTED).await? {
            Output::InProgress(deletions) => asked = deletions,
            Output::Removed => return Ok(Output::Removed),
        }
    }
}

fn candidate_has_all_traffic() -> State {
    State {
        routes: [("web-route".to_owned(), live(&[("web-bbb", 100)]))].into(),
        stacks: [ready("demo-web-aaa"), ready("demo-web-bbb")].into(),
        record: Some(Record { sha: "bbb".into(), version: 2 }),
        tasks: [("demo-web-bbb".to_owned(), Tasks { desired: 2, healthy: 1, failed: Vec::new() })].into(),
        ..State::default()
    }
}

#[tokio::test]
async fn the_old_version_goes_whatever_fails() {
    let end =
        survives_every_fault(&candidate_has_all_traffic(), async |world: &World| remove(world, canary_plan).await)
            .await;
    assert_eq!(end.stacks.keys().collect::<Vec<_>>(), ["demo-web-bbb"]);
}

#[tokio::test]
async fn a_first_version_has_nothing_before_it() {
    let start = candidate_has_all_traffic();
    let end = survives_every_fault(&start, async |world: &World| remove(world, first_plan).await).await;
    assert_eq!(end.stacks.len(), 2);
}

#[tokio::test]
async fn while_the_old_version_has_traffic_nothing_is_removed() {
    for route in [&[("web-aaa", 25), ("web-bbb", 75)][..], &[("web-aaa", 0), ("web-bbb", 100)], &[("web-aaa", 100)]] {
        let lock = Some(Held { holder: "arn:execution".to_owned(), since: SHIFTED, unfinished: None });
        let start =
            State { routes: [("web-route".to_owned(), live(route))].into(), lock, ..candidate_has_all_traffic() };
        let world = World::new(start.clone());
        let error = remove(&world, canary_plan).await.unwrap_err();
        assert_eq!(error.name(), "Canary.UnexpectedRoute", "{route:?}");
        assert_eq!(*world.state(), start);
    }
}

/// Promise 20.
#[tokio::test]
async fn the_old_version_stays_while_the_candidate_has_no_healthy_task() {
    let dead = Tasks { desired: 1, healthy: 0, failed: vec!["Essential container in task exited".to_owned()] };
    for (tasks, why) in [
        (
            Some(dead),
            "`web-bbb` has no healthy task, and ECS is to run 1; its last one ended: Essential container in task exited",
        ),
        (None, "`web-bbb` is gone: there is no stack `demo-web-bbb`"),
    ] {
        let mut start = candidate_has_all_traffic();
        match tasks {
            Some(tasks) => start.tasks.insert("demo-web-bbb".to_owned(), tasks),
            None => start.stacks.remove("demo-web-bbb").and(None),
        };
        let world = World::new(start);
        let error = remove(&world, canary_plan).await.unwrap_err();
        assert_eq!(error.name(), "Canary.CandidateNotRunning");
        assert_eq!(error.to_string(), format!("will not remove `web-aaa`: {why}"));
        assert!(!world.calls().iter().any(|call| call.starts_with("DeleteStack")));
    }
}

#[tokio::test]
async fn a_removal_that_has_begun_goes_on_whatever_becomes_of_the_candidate() {
    let mut start = candidate_has_all_traffic();
    start.stacks.insert("demo-web-aaa".to_owned(), Stack::in_phase(StackPhase::Deleting, None));
    start.tasks.clear();
    assert_eq!(remove(&World::new(start), canary_plan).await.unwrap(), Output::Removed);
}

/// Promise 7.
#[tokio::test]
async fn a_second_route_that_names_the_old_version_keeps_it() {
    let mut start = candidate_has_all_traffic();
    start.routes.insert("beta-testers".to_owned(), live(&[("web-aaa", 1)]));
    let world = World::new(start);
    let error = remove(&world, canary_plan).await.unwrap_err();
    assert_eq!(error.to_string(), "will not remove `web-aaa`: still named by `beta-testers`");
    assert!(world.state().stacks.contains_key("demo-web-aaa"));
}

#[tokio::test]
async fn a_stack_of_another_service_with_the_old_versions_name_stays() {
    let mut start = candidate_has_all_traffic();
    start.stacks.get_mut("demo-web-aaa").unwrap().service = Some("de/mo-web".to_owned());
    let world = World::new(start);
    remove(&world, canary_plan).await.unwrap();
    assert!(world.state().stacks.contains_key("demo-web-aaa"));
}

#[tokio::test]
async fn a_stack_that_will_not_go_is_named_with_the_command() {
    let mut start = candidate_has_all_traffic();
    start.stacks.insert("demo-web-aaa".to_owned(), Stack::in_phase(StackPhase::DeleteFailed, None));
    start.undeletable.insert("demo-web-aaa".to_owned());
    start.failures.insert("demo-web-aaa".to_owned(), vec!["VirtualNode: in use".to_owned()]);
    let error = remove(&World::new(start), canary_plan).await.unwrap_err();
    assert_eq!(error.name(), "Canary.OldVersionNotRemoved");
    let message = error.to_string();
    assert!(message.contains("VirtualNode: in use"), "{message}");
    assert!(message.contains("`aws cloudformation delete-stack --stack-name demo-web-aaa`"), "{message}");
}

/// Promise 18.
#[tokio::test]
async fn a_deletion_that_fails_is_asked_for_once_more_and_one_that_failed_earlier_too() {
    let mut start = candidate_has_all_traffic();
    start.stacks.insert("demo-web-aaa".to_owned(), Stack::in_phase(StackPhase::DeleteFailed, Some("arn:earlier")));
    start.reluctant.insert("demo-web-aaa".to_owned());
    let end = survives_every_fault(&start, async |world: &World| remove(world, canary_plan).await).await;
    assert_eq!(end.stacks.keys().collect::<Vec<_>>(), ["demo-web-bbb"]);
}

#[tokio::test]
async fn an_old_stack_that_may_not_be_deleted_is_named_with_the_command() {
    let mut start = candidate_has_all_traffic();
    start.protected.insert("demo-web-aaa".to_owned());
    let error = remove(&World::new(start), canary_plan).await.unwrap_err();
    assert_eq!(error.name(), "Canary.OldVersionNotRemoved");
    assert!(
        error.to_string().contains("(DeleteStack of `demo-web-aaa` failed: injected); remove the cause"),
        "{error}"
    );
}

#[tokio::test]
async fn the_lock_is_let_go_at_the_end_whatever_fails() {
    let lock = Some(Held { holder: "arn:execution".to_owned(), since: SHIFTED, unfinished: Some(canary_plan()) });
    let start = State { lock, ..candidate_has_all_traffic() };
    let end = survives_every_fault(&start, async |world: &World| remove(world, canary_plan).await).await;
    assert_eq!(end.lock, None);
}

#[tokio::test]
async fn a_deployment_that_lost_the_lock_changes_nothing_and_ends_well_only_if_it_had_been_recorded() {
    let lock = Some(Held { holder: "arn:later".to_owned(), since: SHIFTED, unfinished: None });
    let start = State { lock, ..candidate_has_all_traffic() };
    let world = World::new(start.clone());
    assert_eq!(remove(&world, canary_plan).await.unwrap(), Output::Removed);
    assert_eq!(*world.state(), start);
    let start = State { record: Some(Record { sha: "aaa".into(), version: 1 }), ..start };
    let world = World::new(start.clone());
    assert_eq!(remove(&world, canary_plan).await.unwrap_err().name(), "Canary.AlreadyRunning");
    assert_eq!(*world.state(), start);
}

#[tokio::test]
async fn a_repair_finishes_the_removal_and_keeps_the_lock() {
    let left = || Plan { execution: "arn:earlier".to_owned(), ..canary_plan() };
    let lock = |unfinished| Some(Held { holder: "arn:execution".to_owned(), since: SHIFTED, unfinished });
    let start = State { lock: lock(Some(left())), ..candidate_has_all_traffic() };
    let end = survives_every_fault(&start, async |world: &World| remove(world, left).await).await;
    assert_eq!((end.lock, end.stacks.len()), (lock(None), 1));
}

#[tokio::test]
async fn a_repair_that_is_denied_a_call_keeps_the_plan_for_the_next_one() {
    let left = || Plan { execution: "arn:earlier".to_owned(), ..canary_plan() };
    let lock = Some(Held { holder: "arn:execution".to_owned(), since: SHIFTED, unfinished: Some(left()) });
    let start = State { lock, ..candidate_has_all_traffic() };
    let clean = World::new(start.clone());
    remove(&clean, left).await.unwrap();
    let listed = clean.calls().iter().position(|call| call.starts_with("ListRoutes")).unwrap();

    let world = World::new(start.clone());
    world.refuse(listed, Refusal::AccessDenied);
    assert_eq!(remove(&world, left).await.unwrap_err().name(), "Canary.AccessDenied");
    assert_eq!(world.state().lock, start.lock);
    remove(&world, left).await.unwrap();
    assert!(!world.state().stacks.contains_key("demo-web-aaa"));
}
