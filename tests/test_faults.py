"""The fault matrix's own parts: which cases there are, the rules that make faults, the promises that are compared, the table."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from faults import kinds, matrix, promise, report, rules
from faults.command import main
from faults.kinds import INCOMPLETE, KINDS, NOT_REMOVED, REFUSED, ROLLED_BACK, SUCCEEDED
from faults.matrix import Case, Part
from faults.play import Result, final_states, numbered
from faults.rules import FAULTS, Call
from faults.sight import Sight

from canary_local.checkout import FUNCTIONS, Checkout

FIRST, PROMOTED, BAD = KINDS
FAULT = {fault.name: fault for fault in FAULTS}
CALL = Call("rollback", "appmesh", "UpdateRoute", 3)
SHIFT = Call("shift-traffic", "appmesh", "UpdateRoute", 1)
FINAL = final_states(Checkout.here())


def test_the_calls_before_the_planned_one_pass() -> None:
    before, fault = rules.planned(CALL, FAULT["throttled"])
    assert (before["times"], before["latency"]) == (2, 0)
    assert "error" not in before
    assert (fault["times"], fault["error"]) == (3, {"code": "TooManyRequestsException", "status": 429})
    for rule in (before, fault):
        assert (rule["service"], rule["operation"]) == ("appmesh", "UpdateRoute")
        assert rule["headers"] == {"x-amz-user-agent": "app/canary-rollback"}
    assert len(rules.planned(dataclasses.replace(CALL, nth=1), FAULT["throttled"])) == 1


def test_a_denial_lasts_and_everything_else_passes() -> None:
    assert {fault.name for fault in FAULTS if not fault.passes} == {"denied"}
    assert "times" not in rules.planned(CALL, FAULT["denied"])[-1]
    assert rules.planned(Call("rollback", "cloudformation", "DeleteStack", 1), FAULT["denied"])[-1]["error"] == {
        "code": "AccessDenied",
        "status": 403,
    }


def fired(*calls: tuple[int, str]) -> list[dict[str, Any]]:
    return [{"rule_id": rule, "service": "appmesh", "operation": operation} for rule, operation in calls]


def test_calls_are_told_apart_by_function_and_operation_and_counted() -> None:
    seen = numbered(fired((11, "DescribeRoute"), (12, "DescribeRoute"), (11, "DescribeRoute")), [11, 12])
    assert [str(call) for call in seen] == [
        f"{FUNCTIONS[0]} appmesh:DescribeRoute #1",
        f"{FUNCTIONS[1]} appmesh:DescribeRoute #1",
        f"{FUNCTIONS[0]} appmesh:DescribeRoute #2",
    ]


def test_only_calls_that_every_run_made_become_cases() -> None:
    two, three = dataclasses.replace(CALL, nth=2), CALL
    assert matrix.in_every([[two, three, SHIFT], [SHIFT, two]]) == [two, SHIFT]


def test_the_parts_are_the_matrix_and_do_not_overlap() -> None:
    calls = {kind: [CALL, SHIFT] for kind in KINDS}
    whole = matrix.cases(calls, Part())
    outages = [fault for fault in FAULTS if fault.tries]
    # An outage hits each function's first call of a service, once.
    assert len(whole) == len(KINDS) * 2 * (len(FAULTS) - len(outages)) + 2 * len(outages)
    parts = [case for number in range(1, 6) for case in matrix.cases(calls, Part(number, 5))]
    assert sorted(map(str, parts)) == sorted(map(str, whole))
    assert matrix.cases({FIRST: [CALL]}, Part(), ["first", "lost"]) == [Case(FIRST, CALL, FAULT["lost"])]


def test_an_outage_lasts_as_many_tries_as_its_minutes_take() -> None:
    # 1, 2, 4 and 8 s on average, then 15 s each; Step Functions tries 65 times.
    assert (rules.tries_in(2), rules.tries_in(10)) == (11, 43)
    outages = {fault.name: fault.tries for fault in FAULTS if fault.tries}
    assert outages == {"away-2-min": 11, "away-10-min": 43}
    assert all(fault.passes for fault in FAULTS if fault.tries)


def test_the_first_checks_stand_for_those_that_only_wait_for_data() -> None:
    check = Call("gather-health", "cloudwatch", "GetMetricData", 1)
    checks = [dataclasses.replace(check, nth=nth) for nth in range(1, 9)]
    assert matrix.in_every([checks, checks]) == checks[:2]


def test_a_case_stays_in_its_part_whatever_other_calls_there_are() -> None:
    few, more = ({PROMOTED: calls} for calls in ([CALL], [SHIFT, CALL]))
    for number in range(1, 4):
        part = Part(number, 3)
        assert [case for case in matrix.cases(more, part) if case.call == CALL] == matrix.cases(few, part)


def test_seeds_reach_every_part() -> None:
    assert {Part.of_seed(str(seed), 7) for seed in range(100)} == {Part(number, 7) for number in range(1, 8)}


@pytest.mark.parametrize("text", ["", "3", "0/4", "5/4", "1/0", "a/b", "-1/2"])
def test_a_part_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="allowed is K/N"):
        Part.parse(text)
    assert Part.parse("3/20") == Part(3, 20)


def sight(route: dict[str, int] | None, stacks: dict[str, str], record: tuple[str, int] | None, **more: Any) -> Sight:
    """A service `web`, with the weights and the stacks' states by version."""
    targets = [{"virtualNode": f"web-{sha}", "weight": weight} for sha, weight in (route or {}).items()]
    spec = {"priority": 7, "httpRoute": {"match": {"prefix": "/"}, "action": {"weightedTargets": targets}}}
    made = {f"demo-web-{sha}": (status, f"id-{sha}") for sha, status in stacks.items()}
    return Sight("web", spec if route else None, made, record, more.get("lock"))


UP = "CREATE_COMPLETE"
BEFORE = sight({"old": 100}, {"old": UP}, ("old", 4))
NEW = sight({"new": 100}, {"new": UP}, ("new", 5))
DELETE_OLD = "delete it with `aws cloudformation delete-stack --stack-name demo-web-old`"
REPAIR = "aws stepfunctions start-execution --state-machine-arn arn:x --input '{}'"


def run(final: str, after: Sight, **changes: Any) -> promise.Run:
    """A deployment of version `new` after which callers reach what the route names."""
    usual: dict[str, Any] = {
        "kind": PROMOTED,
        "call": SHIFT,
        "fault": FAULT["denied"],
        "sha": "new",
        "status": "SUCCEEDED" if final == SUCCEEDED else "FAILED",
        "cause": "",
        "before": BEFORE,
        "answered": frozenset(after.targets()),
    }
    return promise.Run(**{**usual, "final": final, "after": after, **changes})


def found(*arguments: Any, **changes: Any) -> list[str]:
    """The numbers of the promises that were broken, or `callers`."""
    return [violation.split(":")[0] for violation in promise.violations(run(*arguments, **changes), FINAL)]


def test_every_ending_of_a_deployment_is_a_final_state() -> None:
    assert {SUCCEEDED, ROLLED_BACK, REFUSED, NOT_REMOVED, INCOMPLETE} < FINAL
    assert {kind.ends for kind in KINDS} <= FINAL


def test_what_is_as_promised_is_no_violation() -> None:
    assert found(SUCCEEDED, NEW) == []
    assert found(ROLLED_BACK, BEFORE) == []
    assert found(REFUSED, BEFORE) == []
    left = sight({"new": 100}, {"new": UP, "old": "DELETE_FAILED"}, ("new", 5))
    assert found(NOT_REMOVED, left, cause=DELETE_OLD) == []
    assert found(NOT_REMOVED, left, cause="`demo-web-old` could not be deleted") == ["16"]
    nothing = sight(None, {}, None)
    assert found(ROLLED_BACK, nothing, kind=FIRST, before=nothing, answered=frozenset()) == []
    first = sight({"new": 100}, {"new": UP}, ("new", 1))
    assert found(SUCCEEDED, first, kind=FIRST, before=nothing) == []


def test_a_fault_that_passes_changes_no_ending() -> None:
    assert found(ROLLED_BACK, BEFORE, fault=FAULT["lost"]) == ["16"]
    assert found(ROLLED_BACK, BEFORE, fault=FAULT["lost"], kind=BAD) == []


def test_an_end_outside_the_final_states_is_one() -> None:
    assert "16" in found("Wait", BEFORE)
    assert "16" in found(SUCCEEDED, NEW, status="FAILED")
    assert "16" in found("Unknown Answer", BEFORE)


def test_traffic_that_is_not_on_one_standing_version_is_one() -> None:
    split = sight({"old": 50, "new": 50}, {"old": UP, "new": UP}, ("old", 4))
    assert "16" in found(ROLLED_BACK, split)
    gone = sight({"old": 100}, {}, ("old", 4))
    assert "7" in found(ROLLED_BACK, gone)
    going = sight({"old": 100}, {"old": "DELETE_IN_PROGRESS"}, ("old", 4))
    assert "7" in found(ROLLED_BACK, going)
    assert found(ROLLED_BACK, BEFORE, answered=frozenset({"HTTP Error 503"})) == ["16"]
    assert found(ROLLED_BACK, BEFORE, answered=frozenset()) == ["16"]
    assert found(SUCCEEDED, NEW, failed_requests=("HTTP Error 503",)) == ["callers"]


def test_other_settings_of_the_route_are_the_users() -> None:
    touched = dataclasses.replace(BEFORE, route={**(BEFORE.route or {}), "priority": 1})
    assert found(ROLLED_BACK, touched) == ["2"]


def test_a_record_of_another_version_is_one() -> None:
    assert found(ROLLED_BACK, dataclasses.replace(BEFORE, record=("new", 5))) == ["8"]
    assert found(SUCCEEDED, dataclasses.replace(NEW, record=("new", 6))) == ["8"]


def test_a_stack_is_left_only_if_the_cause_says_so() -> None:
    left = sight({"old": 100}, {"old": UP, "new": UP}, ("old", 4))
    assert found(ROLLED_BACK, left, cause="`demo-web-new`") == ["16"]
    assert found(INCOMPLETE, left, cause=f"finish with: {REPAIR}") == ["16"]
    assert found(INCOMPLETE, left, cause=f"at stack demo-web-new. Finish with: {REPAIR}") == []
    remade = dataclasses.replace(BEFORE, stacks={"demo-web-old": (UP, "another")})
    assert found(ROLLED_BACK, remade) == ["8"]


def test_a_rollback_that_was_denied_everything_says_how_to_finish_and_where_the_traffic_is() -> None:
    split = sight({"old": 50, "new": 50}, {"old": UP, "new": UP}, ("old", 4))
    cause = f"Look at the route of web and at stack demo-web-new. Finish with: {REPAIR}"
    assert found(INCOMPLETE, split, call=CALL, cause=cause) == []
    assert found(INCOMPLETE, split, call=CALL, cause=cause.replace(REPAIR, "")) == ["16"]
    assert found(INCOMPLETE, split, call=SHIFT, cause=cause) == ["16"], "the traffic could have been moved"


def test_settled_is_one_version_live_recorded_and_alone_or_none() -> None:
    assert promise.unsettled(NEW, frozenset({"web-new"})) == []
    assert promise.unsettled(sight(None, {}, None), frozenset()) == []
    assert promise.unsettled(sight(None, {"new": UP}, None), frozenset())
    assert promise.unsettled(dataclasses.replace(NEW, record=("old", 4)), frozenset({"web-new"}))
    assert promise.unsettled(dataclasses.replace(NEW, lock={"holder": "x"}), frozenset({"web-new"}))
    assert promise.unsettled(sight({"new": 100}, {"new": UP, "old": UP}, ("new", 5)), frozenset({"web-new"}))
    assert promise.unsettled(NEW, frozenset({"web-new", "HTTP Error 503"}))


def test_the_commands_in_a_cause_are_found() -> None:
    cause = 'finish with: aws stepfunctions start-execution --state-machine-arn arn:m --input \'{"Action":"Repair"}\''
    assert promise.REPAIR.search(cause).groups() == ("arn:m", '{"Action":"Repair"}')  # type: ignore[union-attr]
    named = promise.DELETE_STACK.search("with `aws cloudformation delete-stack --stack-name demo-web-old`")
    assert named and named[1] == "demo-web-old"


def test_the_table_has_every_case_and_marks_what_was_broken() -> None:
    results = {
        Case(PROMOTED, SHIFT, FAULT["lost"]): Result(SUCCEEDED, 1.0, 1, "", []),
        Case(PROMOTED, SHIFT, FAULT["denied"]): Result(ROLLED_BACK, 2.0, 4, "a repair", []),
        Case(BAD, CALL, FAULT["killed"]): Result(INCOMPLETE, 3.0, 1, "", ["7: gone"]),
    }
    figures = report.figures(results, 90)
    assert (figures.runs, figures.violations) == (3, 1)
    assert "violations: 1" in figures.summary()
    rows = [line for line in report.table(results, figures, "make faults").splitlines() if " appmesh:" in line]
    assert rows == [
        "| shift-traffic appmesh:UpdateRoute #1 |  |  |  | S | B\u00b7 |  |  |  |  |",
        "| rollback appmesh:UpdateRoute #3 |  |  |  |  |  | I! |  |  |  |",
    ]
    assert kinds.SUCCEEDED in report.table(results, figures, "make faults")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--jobs", "0"], "`0` is not a whole number from 1 to 8"),
        (["--jobs", "999999"], "`999999` is not a whole number from 1 to 8"),
        (["--jobs", "x"], "`x` is not a whole number from 1 to 8"),
        (["--table", "no/where/faults.md"], "`no/where/faults.md` is not a file in a directory that exists"),
        (["--part", "3/2"], "a part is `3/2`"),
    ],
)
def test_wrong_options_are_refused_before_anything_starts(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(options)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
