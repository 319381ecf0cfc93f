#![allow(clippy::unwrap_used)]

use canary_core::{
    error::Refusal,
    fakes::{Held, SHIFTED, State, World, canary_plan, live, ready, survives_every_fault},
    plan::Deployment,
    problem::Problem,
    record::Record,
};
use serde_json::json;

use super::*;

/// `Resources: {}` and `Resources: !Broken`.
const TEMPLATE: &str = "UmVzb3VyY2VzOiB7fQo=";
const BROKEN: &str = "UmVzb3VyY2VzOiAhQnJva2VuCg==";

fn request() -> Value {
    json!({
        "EnvironmentName": "demo", "Namespace": "demo.local", "MicroserviceName": "web", "Protocol": "http",
        "Port": 80, "PercentageStep": 25, "WaitTime": 60, "Sha": "bbb", "ContainerImage": "web:bbb",
        "CanaryTemplate": TEMPLATE,
    })
}

async fn check(world: &World, request: Value) -> Result<Output> {
    check_after(world, request, Duration::ZERO).await
}

/// So long after the execution was started.
async fn check_after(world: &World, request: Value, waited: Duration) -> Result<Output> {
    let input = Input { request, execution: "arn:execution".to_owned(), started: Some(SHIFTED - waited) };
    let ports = Ports { router: world, records: world, templates: world, locks: world, executions: world };
    handle(input, ports, Timing::default(), SHIFTED).await
}

fn version_aaa_is_live() -> State {
    State {
        routes: [("web-route".to_owned(), live(&[("web-aaa", 100)]))].into(),
        stacks: [ready("demo-web-aaa")].into(),
        record: Some(Record { sha: "aaa".into(), version: 7 }),
        ..State::default()
    }
}

async fn planned(world: &World) -> Plan {
    match check(world, request()).await.unwrap() {
        Output::Planned(Begin { plan, progress, repair, .. }) => {
            assert_eq!((progress.phase, progress.step, repair), (Phase::Deploying, 0, false));
            *plan
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_plan_follows_from_what_is_live() {
    let plan = planned(&World::new(version_aaa_is_live())).await;
    assert_eq!(plan.version, 8);
    assert!(matches!(&plan.deployment, Deployment::Canary { stable, .. } if stable.name == "web-aaa"));
}

#[tokio::test]
async fn nothing_but_the_lock_is_changed_whatever_fails_and_the_plan_is_noted_in_it() {
    let start = version_aaa_is_live();
    let end = survives_every_fault(&start, async |world: &World| check(world, request()).await).await;
    let plan = planned(&World::new(start.clone())).await;
    let lock = Some(Held { holder: "arn:execution".to_owned(), since: SHIFTED, unfinished: Some(plan) });
    assert_eq!(end, State { lock, ..start });
}

#[tokio::test]
async fn an_execution_whose_name_no_tag_may_have_is_refused_before_it_takes_the_lock() {
    let ask = async |name: &str| {
        let world = World::new(version_aaa_is_live());
        let ports = Ports { router: &world, records: &world, templates: &world, locks: &world, executions: &world };
        let input = Input {
            request: request(),
            execution: format!("arn:aws:states:x:1:execution:canary:{name}"),
            started: None,
        };
        let outcome = handle(input, ports, Timing::default(), SHIFTED).await;
        (outcome, world.state().lock.is_some())
    };
    assert!(matches!(ask("web-1.0_b+c=d@e").await, (Ok(Output::Planned(_)), true)));
    for (name, wrong) in [("web!", '!'), ("it's", '\''), ("web(1)", '(')] {
        let (refused, locked) = ask(name).await;
        let expected = format!(
            "`execution name` is `{name}`, and no tag may have its `{wrong}`: allowed are a-z, A-Z, 0-9 and _ . = + - @"
        );
        assert_eq!((refused.unwrap_err().to_string(), locked), (expected, false));
    }
}

fn held(status: &str, unfinished: Option<Plan>) -> World {
    let mut start = version_aaa_is_live();
    start.lock = Some(Held { holder: "arn:earlier".to_owned(), since: SHIFTED, unfinished });
    if status == "running" { &mut start.running } else { &mut start.ended }.insert("arn:earlier".to_owned());
    World::new(start)
}

/// Promise 12.
#[tokio::test]
async fn a_second_deployment_of_the_service_is_refused_with_the_running_ones_execution() {
    let world = held("running", None);
    let before = world.state().clone();
    let error = check(&world, request()).await.unwrap_err();
    assert_eq!(error.name(), "Canary.AlreadyRunning");
    assert!(error.to_string().contains("another deployment of `web` is running: arn:earlier;"), "{error}");
    assert_eq!(*world.state(), before);
}

/// Promise 12.
#[tokio::test]
async fn a_second_deployment_waits_if_it_is_asked_to() {
    let mut queued = request();
    queued["OnRunning"] = json!("Queue");
    let output = check(&held("running", None), queued.clone()).await.unwrap();
    assert!(matches!(output, Output::Queued { behind, wait_seconds: 60 } if behind == "arn:earlier"));
    assert!(matches!(check(&held("ended", None), queued).await.unwrap(), Output::Planned { .. }));
}

/// Promises 12 and 14.
#[tokio::test]
async fn a_queue_ends_before_the_history_is_full_and_its_time_counts_for_the_pipelines_week() {
    let mut queued = request();
    queued["OnRunning"] = json!("Queue");
    let world = held("running", None);
    let before = world.state().clone();
    let almost = check_after(&world, queued.clone(), Duration::seconds(11_999)).await.unwrap();
    assert!(matches!(almost, Output::Queued { .. }));
    let error = check_after(&world, queued.clone(), Duration::seconds(12_003)).await.unwrap_err();
    assert_eq!(error.name(), "Canary.QueuedTooLong");
    assert_eq!(
        error.to_string(),
        "waited 12003 seconds for the deployment of `web` that is running, arn:earlier: allowed are 12000"
    );
    assert_eq!(*world.state(), before);

    let world = World::new(version_aaa_is_live());
    queued["WaitTime"] = json!(149_100 - 420);
    assert!(check_after(&world, queued.clone(), Duration::seconds(1_200)).await.is_ok());
    let error = check_after(&World::new(version_aaa_is_live()), queued, Duration::seconds(1_201)).await.unwrap_err();
    assert!(error.to_string().contains("4 steps may take 604801 seconds, and allowed are 604800"), "{error}");
}

/// Promise 13.
#[tokio::test]
async fn what_an_ended_deployment_left_comes_first() {
    let left = Plan { execution: "arn:earlier".to_owned(), ..canary_plan() };
    for asked in [request(), json!({"Action": "Repair", "EnvironmentName": "demo", "MicroserviceName": "web"})] {
        match check(&held("ended", Some(left.clone())), asked).await.unwrap() {
            Output::Unfinished { begin: Begin { plan, progress, repair, .. }, failure } => {
                assert_eq!((*plan, progress.phase, repair), (left.clone(), Phase::Interrupted, true));
                assert_eq!(failure.error, "Canary.Interrupted");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_repair_of_what_needs_none_changes_nothing_and_one_of_what_runs_is_refused() {
    let repair = json!({"Action": "Repair", "EnvironmentName": "demo", "MicroserviceName": "web"});
    let end =
        survives_every_fault(&version_aaa_is_live(), async |world: &World| check(world, repair.clone()).await).await;
    assert_eq!(end, version_aaa_is_live());
    let error = check(&held("running", None), repair).await.unwrap_err();
    assert_eq!(error.name(), "Canary.AlreadyRunning");
}

#[tokio::test]
async fn a_repair_of_a_service_that_was_never_recorded_ends_well() {
    let repair = json!({"Action": "Repair", "EnvironmentName": "demo", "MicroserviceName": "web"});
    let output = check(&World::default(), repair).await.unwrap();
    assert!(matches!(output, Output::Repaired { .. }), "a first deployment was taken back: {output:?}");
}

#[tokio::test]
async fn a_repair_of_a_service_that_is_not_there_is_refused_and_leaves_no_lock() {
    let world = World::new(State { no_router: true, ..State::default() });
    let repair = json!({"Action": "Repair", "EnvironmentName": "demo", "MicroserviceName": "wbe"});
    let error = check(&world, repair).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "`MicroserviceName` is `wbe`, and there is no router: allowed is a service whose pipeline stack is deployed"
    );
    assert_eq!(world.state().lock, None);
}

#[tokio::test]
async fn what_is_discarded_is_forgotten_and_nothing_else_is_touched() {
    let discard = json!({"Action": "Discard", "EnvironmentName": "demo", "MicroserviceName": "web"});
    let left = Plan { execution: "arn:earlier".to_owned(), ..canary_plan() };
    let start = held("ended", Some(left)).state().clone();
    let end = survives_every_fault(&start, async |world: &World| check(world, discard.clone()).await).await;
    assert_eq!(end, State { lock: None, ..start });
}

#[tokio::test]
async fn a_discard_does_not_need_the_holders_execution() {
    let discard = json!({"Action": "Discard", "EnvironmentName": "demo", "MicroserviceName": "web"});
    let left = Plan { execution: "arn:earlier".to_owned(), ..canary_plan() };
    let world = held("ended", Some(left));
    world.refuse(1, Refusal::AccessDenied); // DescribeExecution
    assert!(matches!(check(&world, discard).await.unwrap(), Output::Repaired { .. }));
    assert_eq!(world.state().lock, None);
}

#[tokio::test]
async fn one_that_was_stopped_a_moment_ago_is_waited_for_by_everybody() {
    let mut start = version_aaa_is_live();
    start.lock = Some(Held { holder: "arn:earlier".to_owned(), since: SHIFTED, unfinished: None });
    start.stopped.insert("arn:earlier".to_owned(), SHIFTED);
    for asked in [request(), json!({"Action": "Repair", "EnvironmentName": "demo", "MicroserviceName": "web"})] {
        let output = check(&World::new(start.clone()), asked).await.unwrap();
        assert!(matches!(output, Output::Queued { wait_seconds: 36, .. }), "{output:?}");
    }
}

/// Promise 14.
#[tokio::test]
async fn a_plan_that_cannot_end_in_time_is_refused_and_the_lock_given_back() {
    let mut endless = request();
    endless["WaitTime"] = json!(604_800);
    let world = World::new(version_aaa_is_live());
    let error = check(&world, endless).await.unwrap_err();
    assert_eq!(error.name(), "Canary.InvalidInput");
    assert!(error.to_string().starts_with("`WaitTime` is `604800`: 4 steps may take"), "{error}");
    assert_eq!(*world.state(), version_aaa_is_live());
}

#[tokio::test]
async fn a_refusal_is_told_though_the_lock_cannot_be_given_back() {
    let mut live_one = request();
    live_one["Sha"] = json!("aaa");
    let world = World::new(version_aaa_is_live());
    let calls = 4; // ValidateTemplate, UpdateItem, GetParameter, DescribeRoute; then DeleteItem.
    world.refuse(calls, Refusal::Unavailable);
    assert_eq!(check(&world, live_one).await.unwrap_err().name(), "Canary.AlreadyDeployed");
    assert_eq!(world.calls()[calls], "DeleteItem demo/web");
}

#[tokio::test]
async fn a_repair_is_asked_for_by_exactly_its_fields() {
    for (asked, why) in [
        (
            json!({"Action": "Fix", "EnvironmentName": "demo", "MicroserviceName": "web"}),
            "`Action` is `Fix`: allowed is",
        ),
        (json!({"Action": "Repair", "EnvironmentName": "demo"}), "`MicroserviceName` is missing"),
        (json!({"Action": "Repair", "EnvironmentName": "demo", "MicroserviceName": "web", "Sha": "a"}), "`Sha` is not"),
    ] {
        let error = check(&World::default(), asked).await.unwrap_err();
        assert_eq!(error.name(), "Canary.InvalidInput");
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[tokio::test]
async fn a_refused_deployment_does_not_keep_the_lock() {
    let mut live_one = request();
    live_one["Sha"] = json!("aaa");
    let world = World::new(version_aaa_is_live());
    assert_eq!(check(&world, live_one).await.unwrap_err().name(), "Canary.AlreadyDeployed");
    assert_eq!(*world.state(), version_aaa_is_live());
}

/// Promise 15.
#[tokio::test]
async fn everything_that_the_router_objects_to_is_told_at_once_before_anything_is_made() {
    let objections = vec![
        Problem::of("Protocol", "is `http`", "allowed is `tcp`"),
        Problem::of("Namespace", "is `a`", "allowed is `b`"),
    ];
    for start in [State::default(), version_aaa_is_live()] {
        let world = World::new(State { objections: objections.clone(), ..start.clone() });
        let error = check(&world, request()).await.unwrap_err();
        assert_eq!(error.name(), "Canary.InvalidInput");
        assert_eq!(error.to_string(), "`Protocol` is `http`: allowed is `tcp`; `Namespace` is `a`: allowed is `b`");
        assert_eq!(world.state().lock, None);
    }
}

/// Promise 15.
#[test]
fn a_bad_field_hides_no_other_problem() {
    let route = |why: &str| Error::UnexpectedRoute { service: "web".into(), why: why.into() };
    let field = Error::invalid("Protocol", "is `http`", "allowed is `tcp`");
    let all = all_clear(vec![route("it is odd"), field, route("it is old")]).unwrap_err();
    assert_eq!(all.name(), "Canary.InvalidInput");
    assert_eq!(
        all.to_string(),
        "`Protocol` is `http`: allowed is `tcp`; route of `web` is not this deployment's to change: it is odd; route of `web` is \
         not this deployment's to change: it is old"
    );
    let routes = all_clear(vec![route("it is odd"), route("it is old")]).unwrap_err();
    assert_eq!(routes.name(), "Canary.UnexpectedRoute");
    assert!(routes.to_string().contains("it is odd") && routes.to_string().contains("it is old"), "{routes}");
    assert_eq!(all_clear(vec![route("it is odd")]).unwrap_err().to_string(), route("it is odd").to_string());
}

#[tokio::test]
async fn a_queued_request_validates_its_template_when_it_comes_and_when_its_turn_has_come() {
    let mut queued = request();
    queued["OnRunning"] = json!("Queue");
    let validated = async |status: &str, seconds: i64| {
        let world = held(status, None);
        check_after(&world, queued.clone(), Duration::seconds(seconds)).await.unwrap();
        world.calls().iter().filter(|call| call.starts_with("ValidateTemplate")).count()
    };
    assert_eq!(validated("running", 0).await, 1);
    assert_eq!(validated("running", 60).await, 0);
    assert_eq!(validated("ended", 600).await, 1);
}

/// Promise 15.
#[tokio::test]
async fn bad_input_is_refused_before_aws_is_asked_anything() {
    let world = World::default();
    let mut bad = request();
    bad["PercentageStep"] = json!(0);
    assert_eq!(check(&world, bad).await.unwrap_err().name(), "Canary.InvalidInput");
    assert!(world.calls().is_empty(), "{:?}", world.calls());
}

#[tokio::test]
async fn a_template_that_cloudformation_refuses_is_bad_input() {
    let mut bad = request();
    bad["CanaryTemplate"] = json!(BROKEN);
    let error = check(&World::default(), bad).await.unwrap_err();
    assert_eq!(error.name(), "Canary.InvalidInput");
    assert_eq!(error.to_string(), "`CanaryTemplate` is not a valid CloudFormation template: unresolved tag");
}

#[tokio::test]
async fn a_version_that_could_not_be_recorded_at_the_end_is_refused_before_traffic_moves() {
    let record = Some(Record { sha: "aaa".into(), version: 100 });
    let start = State { record, label_on_oldest: Some("keep".to_owned()), ..version_aaa_is_live() };
    let world = World::new(start.clone());
    let error = check(&world, request()).await.unwrap_err();
    assert_eq!(error.name(), "Canary.NotRecordable");
    assert!(error.to_string().contains("the oldest of 100 versions has the label `keep`"), "{error}");
    assert_eq!(*world.state(), start);
}
