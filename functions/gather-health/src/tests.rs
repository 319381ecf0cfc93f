#![allow(clippy::unwrap_used)]

use canary_core::{
    fakes::{SHIFTED, State, World, canary_plan, survives_every_fault},
    health::{Answers, Decision, Verdict},
    split::Weight,
};

use super::*;

async fn look(world: &World) -> Result<Health> {
    let traffic = Traffic { weight: Weight::ALL, target: None, since: Some(SHIFTED), shifted_at: Some(SHIFTED) };
    handle(Input { plan: canary_plan(), traffic }, world, SHIFTED + std::time::Duration::from_secs(60)).await
}

#[tokio::test]
async fn the_verdict_rests_on_what_was_counted() {
    let world = World::new(State { answers: Answers { errors: 6, requests: 90, recent: 9 }, ..State::default() });
    let health = look(&world).await.unwrap();
    assert_eq!((health.verdict, health.decision), (Verdict::Unhealthy, Decision::RollBack));
    assert_eq!(health.answers, Answers { errors: 6, requests: 90, recent: 9 });
}

#[tokio::test]
async fn a_look_that_fails_is_an_error_and_never_a_verdict() {
    survives_every_fault(&State::default(), look).await;
}
