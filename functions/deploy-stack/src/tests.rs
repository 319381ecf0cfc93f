#![allow(clippy::unwrap_used)]

use canary_core::fakes::{State, World, canary_plan, ready, survives_every_fault};

use serde_json::json;

use super::*;

async fn look(world: &World) -> Result<Output> {
    let request = json!({
        "EnvironmentName": "demo", "Namespace": "demo.local", "MicroserviceName": "web", "Protocol": "http",
        "Port": 80, "PercentageStep": 25, "WaitTime": 60, "Sha": "bbb", "ContainerImage": "web:bbb",
        "CanaryTemplate": "UmVzb3VyY2VzOiB7fQo=",
    });
    handle(Input { plan: canary_plan(), request }, world).await
}

/// As the state machine does: look until it is no longer in progress.
async fn bring_up(world: &World) -> Result<Output> {
    loop {
        match look(world).await? {
            Output::InProgress { .. } => {}
            done @ Output::Ready { .. } => return Ok(done),
        }
    }
}

fn stack(phase: StackPhase, execution: &str) -> State {
    let stack = Stack::in_phase(phase, Some(execution));
    State { stacks: [("demo-web-bbb".to_owned(), stack)].into(), ..State::default() }
}

#[tokio::test]
async fn a_new_stack_is_started_and_looked_at_until_it_is_ready() {
    let world = World::default();
    assert_eq!(look(&world).await.unwrap(), Output::InProgress { stack_status: "CREATE_REQUESTED".to_owned() });
    assert_eq!(look(&world).await.unwrap(), Output::InProgress { stack_status: "CREATE_IN_PROGRESS".to_owned() });
    assert_eq!(look(&world).await.unwrap(), Output::Ready { stack_status: "CREATE_COMPLETE".to_owned() });
}

#[tokio::test]
async fn it_is_made_once_whatever_fails() {
    let end = survives_every_fault(&State::default(), bring_up).await;
    assert_eq!(end.stacks["demo-web-bbb"].phase, StackPhase::Ready);
    assert_eq!(end.stacks["demo-web-bbb"].execution.as_deref(), Some("arn:execution"));
}

#[tokio::test]
async fn a_stack_from_an_earlier_try_is_continued() {
    let world = World::new(stack(StackPhase::Creating, "arn:earlier"));
    bring_up(&world).await.unwrap();
    assert!(!world.calls().iter().any(|call| call.starts_with("CreateStack")), "{:?}", world.calls());
}

#[tokio::test]
async fn a_stack_that_died_earlier_is_made_again() {
    let end = survives_every_fault(&stack(StackPhase::Dead, "arn:earlier"), bring_up).await;
    assert_eq!(end.stacks["demo-web-bbb"].execution.as_deref(), Some("arn:execution"));
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

#[tokio::test]
async fn a_stack_that_cannot_be_deleted_is_not_waited_for() {
    let error = bring_up(&World::new(stack(StackPhase::DeleteFailed, "arn:earlier"))).await.unwrap_err();
    assert_eq!(error.name(), "Canary.StackFailed");
}

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
