#![allow(clippy::unwrap_used)]

use canary_core::{
    error::Refusal,
    fakes::{Held, SHIFTED, State, World, canary_plan, first_plan, live, ready, survives_every_fault},
    ports::{Record, Stack, StackPhase},
};

use super::*;

/// As the state machine does: call until it is no longer in progress.
async fn remove(world: &World, plan: fn() -> Plan) -> Result<Output> {
    let mut asked = Deletions::default();
    loop {
        let input = Input { plan: plan(), execution: "arn:execution".to_owned(), deletions: asked.deletions };
        match handle(input, world, world, world, world, SHIFTED).await? {
            Output::InProgress(deletions) => asked = deletions,
            Output::Removed => return Ok(Output::Removed),
        }
    }
}

fn candidate_has_all_traffic() -> State {
    State {
        routes: [("web-route".to_owned(), live(&[("web-bbb", 100)]))].into(),
        stacks: [ready("demo-web-aaa"), ready("demo-web-bbb")].into(),
        record: Some(Record { sha: "aaa".into(), version: 1 }),
        ..State::default()
    }
}

#[tokio::test]
async fn the_version_is_recorded_once_and_the_old_one_goes_whatever_fails() {
    let end =
        survives_every_fault(&candidate_has_all_traffic(), async |world: &World| remove(world, canary_plan).await)
            .await;
    assert_eq!(end.record, Some(Record { sha: "bbb".into(), version: 2 }));
    assert_eq!(end.stacks.keys().collect::<Vec<_>>(), ["demo-web-bbb"]);
}

#[tokio::test]
async fn a_first_version_is_recorded_and_nothing_removed() {
    let start = State { record: None, ..candidate_has_all_traffic() };
    let end = survives_every_fault(&start, async |world: &World| remove(world, first_plan).await).await;
    assert_eq!(end.record, Some(Record { sha: "bbb".into(), version: 1 }));
    assert_eq!(end.stacks.len(), 2);
}

#[tokio::test]
async fn while_the_old_version_has_traffic_nothing_is_recorded_or_removed() {
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
    assert_eq!(remove(&world, canary_plan).await.unwrap_err().name(), "Canary.AlreadyRunning");
    assert_eq!(*world.state(), start);
    let start = State { record: Some(Record { sha: "bbb".into(), version: 2 }), ..start };
    let world = World::new(start.clone());
    assert_eq!(remove(&world, canary_plan).await.unwrap(), Output::Removed);
    assert_eq!(*world.state(), start);
}

#[tokio::test]
async fn a_repair_finishes_the_removal_or_says_what_stays_and_forgets_the_plan() {
    let left = || Plan { execution: "arn:earlier".to_owned(), ..canary_plan() };
    let lock = |unfinished| Some(Held { holder: "arn:execution".to_owned(), since: SHIFTED, unfinished });
    let start = State { lock: lock(Some(left())), ..candidate_has_all_traffic() };
    let end = survives_every_fault(&start, async |world: &World| remove(world, left).await).await;
    assert_eq!((end.lock, end.stacks.len()), (lock(None), 1));

    for (route, targets) in [("beta", &[("web-aaa", 1)][..]), ("web-route", &[("web-aaa", 50), ("web-bbb", 50)])] {
        let mut start = start.clone();
        start.routes.insert(route.to_owned(), live(targets));
        let world = World::new(start);
        let error = remove(&world, left).await.unwrap_err();
        assert_eq!(error.name(), "Canary.OldVersionNotRemoved", "{route}");
        assert!(error.to_string().ends_with("delete-stack --stack-name demo-web-aaa`"), "{error}");
        assert_eq!(world.state().lock, lock(None), "{route}");
    }
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
