"""Scenes judged: what was promised against what was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from demo_recordings import (
    AFTER,
    BEFORE,
    NEW_ROUTE,
    NEW_STACK,
    OLD_STACK,
    History,
    never_live,
    played,
    promoted,
    rolled_back,
)

from canary_local.demo.history import ROLL_BACK, ROLLED_BACK, SUCCEEDED
from canary_local.demo.judge import Claim, Played, judge, step_results
from canary_local.demo.measure import Sample
from canary_local.world import World, differences


def broken(claims: list[Claim]) -> list[str]:
    return [claim.text for claim in claims if not claim.kept]


def test_a_clean_promotion_keeps_every_claim() -> None:
    assert broken(judge(played(promoted(), SUCCEEDED, AFTER))) == []


def test_a_clean_rollback_keeps_every_claim() -> None:
    # What failed while the bad version had traffic is what the rollback is about, not against the promise.
    assert broken(judge(played(rolled_back(), ROLLED_BACK, BEFORE, failed_at=[8.0, 15.2]))) == []


def without_traffic(history: History, failed_at: Sequence[float] = ()) -> Played:
    scene = played(history, ROLLED_BACK, BEFORE, failed_at=failed_at)
    scene.scene = replace(scene.scene, weights=[])
    return scene


def test_a_version_that_is_to_get_no_traffic_gets_none_and_costs_no_request() -> None:
    assert broken(judge(without_traffic(never_live()))) == []
    assert broken(judge(without_traffic(never_live(), failed_at=[2.0]))) == ["no failed request"]
    assert broken(judge(without_traffic(rolled_back()))) == ["`hello-backend:new` gets no traffic"]


def test_one_failed_request_breaks_a_promotion() -> None:
    claims = judge(played(promoted(), SUCCEEDED, AFTER, failed_at=[1.0]))
    assert broken(claims) == ["no failed request"]
    assert claims[-1].found.startswith("1 of ")


def test_no_request_at_all_is_no_proof() -> None:
    scene = played(promoted(), SUCCEEDED, AFTER)
    scene.requests, scene.samples = (), []
    assert len(broken(judge(scene))) == 2


def test_a_failure_after_the_traffic_is_back_breaks_a_rollback() -> None:
    claims = judge(played(rolled_back(), ROLLED_BACK, BEFORE, failed_at=[16.5]))
    assert broken(claims) == ["no failed request once traffic is back"]


def test_the_wrong_outcome_is_named_with_its_cause() -> None:
    claims = judge(played(rolled_back(), SUCCEEDED, BEFORE))
    assert not claims[0].kept
    assert claims[0].found == f"`{ROLLED_BACK}` because of Canary.RolledBack: why"
    assert "the weights of `hello-backend:new` go 25, 50, 75, 100" in broken(claims)


def test_a_promotion_that_left_the_old_version_or_recorded_nothing() -> None:
    claims = judge(played(promoted(), SUCCEEDED, World(NEW_ROUTE, {**OLD_STACK, **NEW_STACK}, ("old", 1))))
    assert broken(claims) == [
        "`new` is recorded as version 2 of `hello-backend`",
        "the old version's stack is gone",
    ]


def test_a_rollback_that_left_something_says_what() -> None:
    claims = judge(played(rolled_back(), ROLLED_BACK, replace(BEFORE, stacks={**OLD_STACK, **NEW_STACK})))
    left = next(claim for claim in claims if not claim.kept)
    assert left.found == "stack `demo-hello-backend-new` was absent and is CREATE_COMPLETE / arn:2"


def test_an_old_target_may_stay_on_the_route_with_no_weight() -> None:
    route = {"httpRoute": {"action": {"weightedTargets": [*_targets(AFTER), *_targets(BEFORE, 0)]}}}
    assert broken(judge(played(promoted(), SUCCEEDED, replace(AFTER, route=route)))) == []
    route = {"httpRoute": {"action": {"weightedTargets": [*_targets(AFTER, 99), *_targets(BEFORE, 1)]}}}
    claims = judge(played(promoted(), SUCCEEDED, replace(AFTER, route=route)))
    assert broken(claims) == ["the route of `hello-backend` sends all traffic to it"]


def _targets(world: World, weight: int = 100) -> list[dict[str, object]]:
    return [{"virtualNode": node, "weight": weight} for node in world.targets()]


def test_a_rollback_for_another_reason_is_not_the_health_checks() -> None:
    history = History()
    second = history.step(6.0, 25)
    history.state(second, second + 1, ROLL_BACK, rollback={"status": "Done"})
    history.end(second + 1, ROLLED_BACK)
    claims = judge(played(history, ROLLED_BACK, BEFORE))
    assert broken(claims) == ["the health check finds it unhealthy"]


def test_a_version_recorded_again_is_a_difference() -> None:
    assert differences(BEFORE, replace(BEFORE, parameter=("old", 2))) == [
        "the recorded version was old / 1 and is old / 2"
    ]


def test_a_stack_deleted_and_made_again_is_not_the_same() -> None:
    remade = replace(BEFORE, stacks={"demo-hello-backend-old": ("CREATE_COMPLETE", "arn:9")})
    assert len(differences(BEFORE, remade)) == 1
    assert differences(BEFORE, replace(BEFORE, route={}, parameter=None))[0].startswith("the route was ")


def test_a_stray_request_to_the_old_version_breaks_100_percent() -> None:
    scene = played(promoted(), SUCCEEDED, AFTER)
    last = scene.samples[-12]
    scene.samples[-12:] = [
        Sample(s.asked, s.answered, {**s.sent, "hello-backend-old": s.sent["hello-backend-old"] + 1})
        for s in scene.samples[-12:]
    ]
    assert last is not scene.samples[-12]
    assert broken(judge(scene)) == ["every step's measured share lies within 4 standard errors of its weight"]


def test_every_request_of_a_step_is_booked_once() -> None:
    scene = played(promoted(), SUCCEEDED, AFTER, failed_at=[6.5, 14.9, 15.3, 20.0])
    results = step_results(scene, scene.deployments[0])
    # 14.9 lies before the machine set out to shift to 50 %, 15.3 after it.
    assert [result.failed for result in results] == [2, 2, 0, 0]
    assert [result.requests for result in results][:3] == [722, 722, 720]


def test_a_share_is_measured_from_the_weight_being_read_back_not_from_being_asked_for() -> None:
    history = History()
    history.shift(6.0, 12.0, 25)
    history.state(12.0, 20.0, "Wait", "Wait")
    history.end(20.0, SUCCEEDED)
    scene = played(history, SUCCEEDED, BEFORE)
    assert step_results(scene, scene.deployments[0])[0].share.percent == 25.0


def test_an_execution_still_running_is_not_the_outcome() -> None:
    history = History()
    history.step(6.0, 25)
    scene = played(history, SUCCEEDED, BEFORE)
    assert judge(scene)[0].found == "`running`"
    assert step_results(scene, scene.deployments[0])[0].step.until is None
