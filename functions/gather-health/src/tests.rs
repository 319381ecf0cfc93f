#![allow(clippy::unwrap_used)]

use canary_core::{
    error::Refusal,
    fakes::{SHIFTED, State, World, canary_plan, ready},
    health::{Answers, Verdict},
    progress::Phase,
    split::Weight,
    tasks::Tasks,
};

use super::*;

/// Long after all data of the first step are there.
async fn check(world: &World) -> Result<Progress> {
    let progress = Progress {
        weight: Weight::new(25).unwrap(),
        since: Some(SHIFTED),
        shifted_at: Some(SHIFTED),
        reported_at: Some(SHIFTED),
        ..Progress::begin(Phase::Watching)
    };
    handle(Input { plan: canary_plan(), progress }, world, world, world, SHIFTED + std::time::Duration::from_secs(300))
        .await
}

fn stands(answers: Answers) -> State {
    let tasks = Tasks { desired: 1, healthy: 1, failed: Vec::new() };
    State {
        stacks: [ready("demo-web-bbb")].into(),
        tasks: [("demo-web-bbb".to_owned(), tasks)].into(),
        answers,
        ..State::default()
    }
}

#[tokio::test]
async fn the_verdict_rests_on_what_was_counted() {
    let answers = Answers { errors: 6, requests: 90, settled: 9 };
    let progress = check(&World::new(stands(answers))).await.unwrap();
    assert_eq!(progress.phase, Phase::Unhealthy);
    assert_eq!((progress.checks[0].verdict, progress.checks[0].answers), (Verdict::Unhealthy, answers));
    assert_eq!(progress.reason, progress.checks[0].reason);
}

#[tokio::test]
async fn a_healthy_candidate_goes_on_to_the_next_step() {
    let progress = check(&World::new(stands(Answers { errors: 5, requests: 90, settled: 9 }))).await.unwrap();
    assert_eq!((progress.phase, progress.step), (Phase::Shifting, 1));
}

/// Promise 20.
#[tokio::test]
async fn a_candidate_whose_stack_is_gone_is_unhealthy_whatever_was_counted() {
    let gone = State { stacks: Default::default(), ..stands(Answers { errors: 0, requests: 90, settled: 90 }) };
    let progress = check(&World::new(gone)).await.unwrap();
    assert_eq!(progress.phase, Phase::Unhealthy);
    assert_eq!(progress.reason, "`web-bbb` is gone: there is no stack `demo-web-bbb`");
}

/// Promise 20.
#[tokio::test]
async fn bad_news_of_tasks_does_not_wait_for_cloudwatch_and_good_news_does() {
    let away = async |healthy: u32| {
        let mut start = stands(Answers::default());
        start.tasks.get_mut("demo-web-bbb").unwrap().healthy = healthy;
        let world = World::new(start);
        world.refuse(3, Refusal::Unavailable); // DescribeStacks, ListStackResources, DescribeServices; then GetMetricData.
        check(&world).await
    };
    assert_eq!(away(0).await.unwrap().phase, Phase::Unhealthy);
    assert_eq!(away(1).await.unwrap_err().name(), "Canary.Unavailable");
}

/// Promise 5.
#[tokio::test]
async fn bad_news_of_answers_does_not_wait_for_cloudformation_or_ecs_and_good_news_does() {
    let away = async |errors: u64, nth: usize| {
        let world = World::new(stands(Answers { errors, requests: 90, settled: 90 }));
        world.refuse(nth, Refusal::Unavailable);
        check(&world).await
    };
    for nth in 0..3 {
        assert_eq!(away(6, nth).await.unwrap().phase, Phase::Unhealthy, "call {nth}");
        assert_eq!(away(5, nth).await.unwrap_err().name(), "Canary.Unavailable", "call {nth}");
    }
}

/// Promise 20.
#[tokio::test]
async fn a_candidate_whose_ecs_service_is_gone_is_unhealthy() {
    let gone = State { gone_services: ["demo-web-bbb".to_owned()].into(), ..stands(Answers::default()) };
    let progress = check(&World::new(gone)).await.unwrap();
    assert_eq!(progress.phase, Phase::Unhealthy);
    assert_eq!(progress.reason, "`web-bbb` is gone: ECS service `demo-web-bbb` does not run");
}

#[tokio::test]
async fn tasks_count_as_failed_since_the_candidate_received_traffic() {
    let world = World::new(stands(Answers::default()));
    check(&world).await.unwrap();
    assert_eq!(world.calls()[2], "DescribeServices demo-web-bbb since 1970-01-01 0:00:00.0 +00:00:00");
}

#[tokio::test]
async fn a_check_that_fails_is_an_error_and_never_a_verdict() {
    for nth in 0..4 {
        let world = World::new(stands(Answers::default()));
        world.refuse(nth, Refusal::Unavailable);
        assert_eq!(check(&world).await.unwrap_err().name(), "Canary.Unavailable", "call {nth}");
    }
}
