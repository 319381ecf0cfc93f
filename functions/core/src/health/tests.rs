#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::{
    fakes::{SHIFTED, canary_plan, first_plan},
    progress::Phase,
    split::Weight,
    tasks::Tasks,
};

fn plan(protocol: Protocol, on_no_data: NoData) -> Plan {
    let mut plan = canary_plan();
    plan.service.protocol = protocol;
    plan.health.on_no_data = on_no_data;
    plan
}

fn progress() -> Progress {
    Progress {
        weight: Weight::new(25).unwrap(),
        since: Some(SHIFTED),
        shifted_at: Some(SHIFTED),
        reported_at: Some(SHIFTED),
        ..Progress::begin(Phase::Watching)
    }
}

fn at(seconds: i64) -> OffsetDateTime {
    SHIFTED + Duration::seconds(seconds)
}

fn tasks(desired: u32, healthy: u32, failed: &[&str]) -> Capacity {
    Capacity::Service(Tasks { desired, healthy, failed: failed.iter().map(|why| (*why).to_owned()).collect() })
}

fn judged(plan: &Plan, after: i64, answers: Answers, capacity: &Capacity) -> (Check, Next) {
    let window = Window::of(&plan.health, &plan.steps[0], &progress(), at(after));
    judge(plan, &progress(), window, answers, capacity)
}

/// The window of a step of `watch` seconds, whose shift began at 0 and was reported at `reported`.
fn reported(plan: &Plan, watch: u32, reported: i64) -> Window {
    let step = Step { watch_seconds: watch, ..plan.steps[0] };
    let progress = Progress { reported_at: Some(at(reported)), ..progress() };
    Window::of(&plan.health, &step, &progress, at(reported))
}

fn look(plan: &Plan, after: i64, errors: u64, requests: u64) -> (Check, Next) {
    judged(plan, after, Answers { errors, requests, settled: requests }, &tasks(1, 1, &[]))
}

/// A shift on the minute with a watch time of 60 s: the scrape at 120 s reports the last answers of the watch time, its data
/// point begins at 120 s or just before, and can be read 120 s after its end.
const COMPLETE: i64 = 240;

#[test]
fn errors_up_to_the_threshold_are_healthy_and_one_more_is_not() {
    let plan = plan(Protocol::Http, NoData::RollBack);
    let ((at, next), (over, back)) = (look(&plan, COMPLETE, 5, 100), look(&plan, COMPLETE, 6, 100));
    assert_eq!((at.verdict, next), (Verdict::Healthy, Next::Pass));
    assert_eq!((over.verdict, back), (Verdict::Unhealthy, Next::RollBack));
    assert_eq!(over.reason, "`web-bbb` answered 6 of 100 requests with 5xx; allowed are 5");
}

/// Promise 5.
#[test]
fn bad_news_counts_at_once_and_good_news_only_when_all_data_of_the_watch_time_are_there() {
    let plan = plan(Protocol::Http, NoData::Proceed);
    assert_eq!(look(&plan, 60, 6, 100).1, Next::RollBack);
    let (early, next) = look(&plan, COMPLETE - 1, 0, 100);
    assert_eq!((early.verdict, next), (Verdict::Inconclusive, Next::CheckAgain { seconds: 1 }));
    assert!(early.reason.ends_with("; all data of the watch time can be read in 1 s"), "{}", early.reason);
    assert_eq!(look(&plan, 60, 0, 100).1, Next::CheckAgain { seconds: 60 }, "a new data point comes every minute");
    assert_eq!(look(&plan, COMPLETE, 0, 100).1, Next::Pass);
}

/// Promise 5. A shift in the last second of a minute: the minute before it, and the scrape that still reports it, prove nothing.
#[test]
fn a_data_point_counts_only_if_all_its_answers_were_given_at_the_present_weight() {
    let plan = plan(Protocol::Http, NoData::RollBack);
    for (reported_at, settled_from, complete_at) in [(0, 60, 240), (1, 120, 300), (59, 120, 300), (60, 120, 300)] {
        let window = reported(&plan, 60, reported_at);
        assert_eq!(window.settled_from, at(settled_from), "reported at {reported_at}");
        assert_eq!(window.complete_at, at(complete_at), "reported at {reported_at}");
    }
    let before_the_shift = Answers { errors: 0, requests: 500, settled: 0 };
    let (check, next) = judged(&plan, COMPLETE, before_the_shift, &tasks(1, 1, &[]));
    assert_eq!((check.verdict, next), (Verdict::Inconclusive, Next::RollBack));
}

/// Promise 5. The scrape that ends the last period of the watch time is stamped up to a period after it.
#[test]
fn a_long_watch_time_is_covered_to_its_end() {
    let plan = plan(Protocol::Http, NoData::RollBack);
    assert_eq!(reported(&plan, 600, 1).complete_at, at(720 + 120));
}

/// Promises 5 and 21. App Mesh may be away for ten minutes between the first try and the one that the router reports.
#[test]
fn a_shift_that_took_long_is_watched_from_when_the_router_reported_it() {
    let plan = plan(Protocol::Http, NoData::RollBack);
    let window = reported(&plan, 60, 600);
    assert_eq!(window.start, at(0), "errors count from the first try on: it may have taken effect");
    assert_eq!((window.settled_from, window.complete_at), (at(660), at(840)));
}

/// Promise 10.
#[test]
fn no_data_is_never_healthy_and_is_waited_for_before_it_counts() {
    let plan = plan(Protocol::Http, NoData::RollBack);
    assert!(matches!(look(&plan, COMPLETE - 1, 0, 0).1, Next::CheckAgain { .. }));
    let (late, next) = look(&plan, COMPLETE, 0, 0);
    assert_eq!((late.verdict, next), (Verdict::Inconclusive, Next::RollBack));
}

/// Promise 10.
#[test]
fn going_on_without_data_is_said() {
    let (check, next) = look(&plan(Protocol::Http, NoData::Proceed), COMPLETE, 0, 0);
    assert_eq!((check.verdict, next), (Verdict::Inconclusive, Next::Pass));
    assert!(check.reason.contains("says nothing about its health"), "{}", check.reason);
    let mut first = first_plan();
    first.health.on_no_data = NoData::Proceed;
    let (check, next) = look(&first, COMPLETE, 0, 0);
    assert_eq!(next, Next::Pass);
    assert!(check.reason.contains("nobody has called the first version yet"), "{}", check.reason);
}

/// Promise 11.
#[test]
fn a_grpc_verdict_says_what_it_does_not_see() {
    let (check, _) = look(&plan(Protocol::Grpc, NoData::RollBack), COMPLETE, 0, 100);
    assert!(check.reason.ends_with("gRPC failures are not among them"), "{}", check.reason);
}

/// Promise 10.
#[test]
fn tcp_is_not_waited_for() {
    let (check, next) = look(&plan(Protocol::Tcp, NoData::RollBack), 60, 0, 0);
    assert_eq!(next, Next::RollBack);
    assert!(check.reason.contains("tcp has no request counters"), "{}", check.reason);
}

/// Promise 20.
#[test]
fn a_candidate_without_a_healthy_task_is_unhealthy_at_once_whatever_was_counted() {
    for plan in [plan(Protocol::Http, NoData::Proceed), plan(Protocol::Tcp, NoData::Proceed), first_plan()] {
        let counted = Answers { errors: 0, requests: 110, settled: 110 };
        for (capacity, why) in [
            (tasks(1, 0, &[]), "`web-bbb` has no healthy task, and ECS is to run 1"),
            (tasks(0, 0, &[]), "`web-bbb` has no healthy task, and ECS is to run 0"),
            (Capacity::Gone("there is no stack `demo-web-bbb`".to_owned()), "`web-bbb` is gone: there is no stack"),
        ] {
            let (check, next) = judged(&plan, 61, counted, &capacity);
            assert_eq!((check.verdict, next), (Verdict::Unhealthy, Next::RollBack), "{}", check.reason);
            assert!(check.reason.starts_with(why), "{}", check.reason);
        }
    }
}

/// Promise 20.
#[test]
fn a_task_that_failed_is_unhealthy_though_its_replacement_runs() {
    let failed = tasks(2, 2, &["Task failed container health checks", "Essential container in task exited"]);
    let (check, next) = judged(&plan(Protocol::Http, NoData::RollBack), 61, Answers::default(), &failed);
    assert_eq!((check.verdict, next), (Verdict::Unhealthy, Next::RollBack));
    assert_eq!(
        check.reason,
        "2 tasks have failed since `web-bbb` received traffic: Essential container in task exited"
    );
}

/// Promise 20.
#[test]
fn a_task_that_is_missing_is_waited_for_as_long_as_data_are() {
    let plan = plan(Protocol::Http, NoData::RollBack);
    let answers = Answers { errors: 0, requests: 100, settled: 100 };
    let (check, next) = judged(&plan, COMPLETE, answers, &tasks(2, 1, &[]));
    assert_eq!((check.verdict, next), (Verdict::Inconclusive, Next::CheckAgain { seconds: 60 }));
    let (check, next) = judged(&plan, COMPLETE + 120, answers, &tasks(2, 1, &[]));
    assert_eq!((check.verdict, next), (Verdict::Unhealthy, Next::RollBack));
    assert_eq!(check.reason, "1 of the 2 tasks of `web-bbb` are healthy");
}

/// Promise 20.
#[test]
fn tasks_that_scaling_adds_meanwhile_may_take_their_time() {
    let plan = plan(Protocol::Http, NoData::RollBack);
    let answers = Answers { errors: 0, requests: 100, settled: 100 };
    let late = |healthy: u32| {
        let (before, next) = judged(&plan, 60, answers, &tasks(2, 2, &[]));
        let progress = progress().checked(&plan, before, next);
        let window = Window::of(&plan.health, &plan.steps[0], &progress, at(COMPLETE + 120));
        judge(&plan, &progress, window, answers, &tasks(6, healthy, &[]))
    };
    assert_eq!(late(2).0.verdict, Verdict::Healthy);
    let (check, _) = late(1);
    assert_eq!(check.verdict, Verdict::Unhealthy);
    assert_eq!(check.reason, "1 of the 2 tasks of `web-bbb` are healthy");
}

#[test]
fn a_stack_without_an_ecs_service_is_judged_by_its_answers_alone() {
    let answers = Answers { errors: 0, requests: 100, settled: 100 };
    let (check, next) = judged(&plan(Protocol::Http, NoData::RollBack), COMPLETE, answers, &Capacity::NoService);
    assert_eq!((check.tasks, next), (None, Next::Pass));
}

/// Promise 11.
#[test]
fn the_window_never_begins_before_the_candidate_received_traffic() {
    let plan = plan(Protocol::Http, NoData::RollBack);
    let begins = |shifted_at, now| {
        let progress = Progress { shifted_at: Some(at(shifted_at)), ..progress() };
        Window::of(&plan.health, &plan.steps[0], &progress, at(now)).start
    };
    assert_eq!(begins(0, 60), at(0));
    assert_eq!(begins(300, 600), at(0));
    assert_eq!(begins(600, 900), at(300), "600 seconds back");
    assert_eq!(begins(100, 2000), at(100), "the whole time at this weight, however short the threshold's time");
}

#[test]
fn the_state_data_carries_the_numbers() {
    let json = serde_json::to_value(look(&plan(Protocol::Http, NoData::RollBack), 60, 6, 100).0).unwrap();
    assert_eq!(json["errors"], 6);
    assert_eq!(json["requests"], 100);
    assert_eq!(json["threshold"], 5);
    assert_eq!(json["weight"], 25);
    assert_eq!(json["tasks"], serde_json::json!({"desired": 1, "healthy": 1}));
    assert_eq!(json["windowEnd"], "1970-01-01T00:01:00Z");
}

proptest! {
    /// Promise 5: whatever the moment at which the router reports a shift, the watch time and the period, the answers that decide were given after the shift,
    /// cover the watch time, and can be read; and the check that decides comes no later than limits.rs reckons.
    #[test]
    fn what_decides_lies_after_the_shift_covers_the_watch_time_and_has_arrived(
        shifted in 0i64..100_000, watch in 1u32..10_000, period in 1u32..=60, delay in 0u32..=600,
    ) {
        let mut plan = canary_plan();
        plan.health.metric_period = period;
        plan.health.metric_delay = delay;
        let window = reported(&plan, watch, shifted);
        let (settled, complete) = (window.settled_from - SHIFTED, window.complete_at - SHIFTED);
        let (settled, complete, period) = (settled.whole_seconds(), complete.whole_seconds(), i64::from(period));
        prop_assert_eq!(settled % period, 0);
        // A data point holds answers from one period before its beginning.
        prop_assert!(settled - period >= shifted);
        // The scrape that reports the last answers of the watch time is up to a period later than they.
        prop_assert!(complete >= shifted + i64::from(watch) + period + i64::from(delay));
        prop_assert!(complete >= settled + period + i64::from(delay));
        let late = complete - shifted - i64::from(watch) + i64::from(delay);
        prop_assert!(u64::try_from(late).unwrap() <= longest_delay(&plan.health));
    }
}
