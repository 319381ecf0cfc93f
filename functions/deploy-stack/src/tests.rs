#![allow(clippy::unwrap_used)]

use canary_core::fakes::{State, World, canary_plan, live, ready, survives_every_fault};

use serde_json::json;

use super::*;

async fn poll(world: &World, deletions: u32) -> Result<Output> {
    let request = json!({
        "EnvironmentName": "demo", "Namespace": "demo.local", "MicroserviceName": "web", "Protocol": "http",
        "Port": 80, "PercentageStep": 25, "WaitTime": 60, "Sha": "bbb", "ContainerImage": "web:bbb",
        "CanaryTemplate": "UmVzb3VyY2VzOiB7fQo=",
    });
    handle(Input { plan: canary_plan(), request, deletions }, world, world).await
}

/// As the state machine does: polls until it is no longer in progress.
async fn bring_up(world: &World) -> Result<Output> {
    let mut requested = 0;
    loop {
        match poll(world, requested).await? {
            Output::InProgress { deletions, .. } => requested = deletions.deletions,
            done @ Output::Ready { .. } => return Ok(done),
        }
    }
}

fn in_progress(status: &str) -> Output {
    Output::InProgress { stack_status: status.to_owned(), deletions: Deletions::default() }
}

fn stack(phase: StackPhase, execution: &str) -> State {
    let stack = Stack::in_phase(phase, Some(execution));
    State { stacks: [("demo-web-bbb".to_owned(), stack)].into(), ..State::default() }
}

#[tokio::test]
async fn a_new_stack_is_started_and_polled_until_it_is_ready() {
    let world = World::default();
    assert_eq!(poll(&world, 0).await.unwrap(), in_progress("CREATE_REQUESTED"));
    assert_eq!(poll(&world, 0).await.unwrap(), in_progress("CREATE_IN_PROGRESS"));
    assert_eq!(poll(&world, 0).await.unwrap(), Output::Ready { stack_status: "CREATE_COMPLETE".to_owned() });
}

#[tokio::test]
async fn it_is_there_and_this_executions_whatever_fails() {
    let end = survives_every_fault(&State::default(), bring_up).await;
    assert_eq!(end.stacks["demo-web-bbb"].phase, StackPhase::Ready);
    assert_eq!(end.stacks["demo-web-bbb"].execution.as_deref(), Some("arn:execution"));
}

/// Promise 17.
#[tokio::test]
async fn a_stack_of_this_deployment_is_continued() {
    for phase in [StackPhase::Creating, StackPhase::Ready] {
        let world = World::new(stack(phase, "arn:execution"));
        bring_up(&world).await.unwrap();
        let changes = |call: &String| call.starts_with("CreateStack") || call.starts_with("DeleteStack");
        assert!(!world.calls().iter().any(changes), "{phase:?}: {:?}", world.calls());
    }
}

/// Promise 17.
#[tokio::test]
async fn an_earlier_deployments_stack_is_replaced_whatever_became_of_it_and_whatever_fails() {
    for phase in [
        StackPhase::Creating,
        StackPhase::Busy,
        StackPhase::Ready,
        StackPhase::Dead,
        StackPhase::Broken,
        StackPhase::Deleting,
        StackPhase::DeleteFailed,
    ] {
        let end = survives_every_fault(&stack(phase, "arn:earlier"), bring_up).await;
        let made = Stack::in_phase(StackPhase::Ready, Some("arn:execution"));
        assert_eq!(end.stacks, [("demo-web-bbb".to_owned(), made)].into(), "{phase:?}");
    }
}

#[tokio::test]
async fn an_earlier_deployments_stack_that_a_route_names_is_neither_used_nor_touched() {
    for phase in [StackPhase::Ready, StackPhase::Dead, StackPhase::DeleteFailed] {
        let mut start = stack(phase, "arn:earlier");
        start.routes.insert("beta".to_owned(), live(&[("web-bbb", 0)]));
        let world = World::new(start.clone());
        let error = bring_up(&world).await.unwrap_err();
        assert_eq!(error.to_string(), "will not remove `web-bbb`: still named by `beta`");
        assert_eq!(*world.state(), start);
    }
}

/// Promise 18.
#[tokio::test]
async fn a_deletion_that_fails_is_requested_once_more() {
    let mut start = stack(StackPhase::DeleteFailed, "arn:earlier");
    start.reluctant.insert("demo-web-bbb".to_owned());
    let end = survives_every_fault(&start, bring_up).await;
    assert_eq!(end.stacks["demo-web-bbb"].execution.as_deref(), Some("arn:execution"));
}

#[tokio::test]
async fn an_earlier_deployments_stack_that_will_not_go_is_named_with_the_reason_and_the_command() {
    let command = "remove the cause and delete it with `aws cloudformation delete-stack --stack-name demo-web-bbb`";
    let mut start = stack(StackPhase::Ready, "arn:earlier");
    start.undeletable.insert("demo-web-bbb".to_owned());
    start.failures.insert("demo-web-bbb".to_owned(), vec!["VirtualNode: in use".to_owned()]);
    let world = World::new(start.clone());
    let error = bring_up(&world).await.unwrap_err();
    let requested = world.calls().iter().filter(|call| call.starts_with("DeleteStack")).count();
    assert_eq!((error.name(), requested), ("Canary.StackFailed", 2));
    let why = "an earlier deployment made it, and it could not be deleted (VirtualNode: in use)";
    assert_eq!(error.to_string(), format!("stack `demo-web-bbb` is DELETE_FAILED: {why}; {command}"));

    start.protected = std::mem::take(&mut start.undeletable);
    let error = bring_up(&World::new(start)).await.unwrap_err();
    assert!(error.to_string().contains("is CREATE_COMPLETE: an earlier deployment made it"), "{error}");
    assert!(error.to_string().contains("(DeleteStack of `demo-web-bbb` failed: injected)"), "{error}");
}

#[tokio::test]
async fn a_stack_that_died_now_fails_with_the_resources_reasons() {
    let world = World::default();
    let reasons = vec!["EcsService: circuit breaker".to_owned(), "VirtualNode: limit".to_owned()];
    world.state().failures.insert("demo-web-bbb".to_owned(), reasons);
    let error = bring_up(&world).await.unwrap_err();
    assert_eq!(error.name(), "Canary.StackFailed");
    assert_eq!(
        error.to_string(),
        "stack `demo-web-bbb` is ROLLBACK_COMPLETE: EcsService: circuit breaker; VirtualNode: limit"
    );
}

/// As CloudFormation does at the end of `TimeoutInMinutes`: it rolls the stack back, which takes its time too. Promise 19.
#[tokio::test]
async fn a_creation_that_never_ends_is_polled_until_cloudformation_gives_it_up() {
    let world = World::default();
    let too_long = "demo-web-bbb: Stack creation time exceeded the specified timeout".to_owned();
    world.state().failures.insert("demo-web-bbb".to_owned(), vec![too_long.clone()]);
    for (phase, polls) in [(StackPhase::Creating, 240), (StackPhase::Busy, 240)] {
        for _ in 0..polls {
            world.state().stacks = stack(phase, "arn:execution").stacks;
            assert!(matches!(poll(&world, 0).await.unwrap(), Output::InProgress { .. }));
        }
    }
    world.state().stacks = stack(StackPhase::Dead, "arn:execution").stacks;
    let error = poll(&world, 0).await.unwrap_err();
    assert_eq!(error.to_string(), format!("stack `demo-web-bbb` is ROLLBACK_COMPLETE: {too_long}"));
    let changes = |call: &&String| call.starts_with("CreateStack") || call.starts_with("DeleteStack");
    assert_eq!(world.calls().iter().filter(changes).count(), 0);
}

#[tokio::test]
async fn a_stack_that_somebody_deletes_meanwhile_and_that_stays_fails() {
    let error = bring_up(&World::new(stack(StackPhase::DeleteFailed, "arn:execution"))).await.unwrap_err();
    assert_eq!(error.name(), "Canary.StackFailed");
}

/// Promise 17.
#[tokio::test]
async fn a_stack_that_only_has_the_name_is_left_alone() {
    let others = Stack { service: Some("de/mo-web".into()), ..Stack::in_phase(StackPhase::Ready, Some("arn:other")) };
    for found in [Stack::in_phase(StackPhase::Ready, None), others] {
        let start = State { stacks: [("demo-web-bbb".to_owned(), found)].into(), ..State::default() };
        let world = World::new(start.clone());
        let error = bring_up(&world).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "stack `demo-web-bbb` is CREATE_COMPLETE: no deployment of this service made it; remove it or rename the \
             service"
        );
        assert_eq!(*world.state(), start);
    }
}

#[tokio::test]
async fn other_stacks_are_left_alone() {
    let start = State { stacks: [ready("demo-web-aaa")].into(), ..State::default() };
    let end = survives_every_fault(&start, bring_up).await;
    assert_eq!(end.stacks["demo-web-aaa"], start.stacks["demo-web-aaa"]);
}
