#![allow(clippy::unwrap_used)]

use canary_core::{
    fakes::{Held, SHIFTED, State, World, canary_plan, first_plan, live, survives_every_fault},
    record::Record,
};

use super::*;

async fn promote(world: &World, plan: fn() -> Plan) -> Result<Progress> {
    let input =
        Input { plan: plan(), progress: Progress::begin(Phase::Promoting), execution: "arn:execution".to_owned() };
    handle(input, world, world, world, SHIFTED).await
}

fn candidate_has_all_traffic() -> State {
    State {
        routes: [("web-route".to_owned(), live(&[("web-bbb", 100)]))].into(),
        record: Some(Record { sha: "aaa".into(), version: 1 }),
        lock: Some(Held { holder: "arn:execution".to_owned(), since: SHIFTED, unfinished: Some(canary_plan()) }),
        ..State::default()
    }
}

#[tokio::test]
async fn the_candidate_is_recorded_once_whatever_fails() {
    for (plan, record, version) in
        [(canary_plan as fn() -> Plan, Some(Record { sha: "aaa".into(), version: 1 }), 2), (first_plan, None, 1)]
    {
        let start = State { record, ..candidate_has_all_traffic() };
        let end = survives_every_fault(&start, async |world: &World| promote(world, plan).await).await;
        assert_eq!(end, State { record: Some(Record { sha: "bbb".into(), version }), ..start });
    }
}

#[tokio::test]
async fn a_recorded_candidate_is_retiring_the_old_version() {
    let progress = promote(&World::new(candidate_has_all_traffic()), canary_plan).await.unwrap();
    assert_eq!(progress.phase, Phase::Retiring);
}

/// Promise 4.
#[tokio::test]
async fn a_candidate_without_all_traffic_is_not_recorded() {
    for route in [&[("web-aaa", 25), ("web-bbb", 75)][..], &[("web-aaa", 0), ("web-bbb", 100)], &[("web-aaa", 100)]] {
        let routes = [("web-route".to_owned(), live(route))].into();
        let start = State { routes, ..candidate_has_all_traffic() };
        let world = World::new(start.clone());
        assert_eq!(promote(&world, canary_plan).await.unwrap_err().name(), "Canary.UnexpectedRoute", "{route:?}");
        assert_eq!(*world.state(), start);
    }
}

#[tokio::test]
async fn a_deployment_that_lost_the_lock_records_nothing_and_goes_on_only_if_it_had() {
    let lock = Some(Held { holder: "arn:later".to_owned(), since: SHIFTED, unfinished: None });
    let start = State { lock, ..candidate_has_all_traffic() };
    let world = World::new(start.clone());
    assert_eq!(promote(&world, canary_plan).await.unwrap_err().name(), "Canary.AlreadyRunning");
    assert_eq!(*world.state(), start);
    let recorded = World::new(State { record: Some(Record { sha: "bbb".into(), version: 2 }), ..start });
    assert_eq!(promote(&recorded, canary_plan).await.unwrap().phase, Phase::Retiring);
}
