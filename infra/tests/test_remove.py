"""What removing does where the local environment has no such service, against a client that notes what it is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from canary_infra import artifacts, remove
from canary_infra.create import Target
from canary_infra.errors import InfraError
from canary_infra.settings import resolve


class Recorder:
    """Answers every call with what it was given for it, and notes the call."""

    def __init__(self, **answers: Any) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._answers = answers

    def __getattr__(self, operation: str) -> Any:
        def call(**arguments: Any) -> Any:
            self.calls.append((operation, arguments))
            answer = self._answers.get(operation, {})
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def refusal(code: str) -> ClientError:
    """A service's error."""
    return ClientError({"Error": {"Code": code, "Message": f"{code}, it says"}}, "Operation")


def target(tmp_path: Path, **services: Recorder) -> Target:
    """A target whose services are these."""
    settings = resolve({}, {"AWS_REGION": "us-west-2"}, tmp_path / "none", "x86_64")
    return Target(settings, services.__getitem__, tmp_path, lambda _: None)


def stack(**outputs: str) -> dict[str, Any]:
    """A stack with outputs."""
    return {"Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]}


def test_a_pipeline_is_held_before_its_last_stage(tmp_path: Path) -> None:
    codepipeline = Recorder()
    remove._hold(target(tmp_path, codepipeline=codepipeline), [stack(PipelineName="demo-web"), stack(Other="x")])
    (call,) = codepipeline.calls
    assert call[0] == "disable_stage_transition"
    assert (call[1]["pipelineName"], call[1]["stageName"], call[1]["transitionType"]) == (
        "demo-web",
        "Deploy",
        "Inbound",
    )


def test_what_fails_is_noted_and_the_rest_goes_on() -> None:
    leftovers = remove.Leftovers()
    with leftovers.unless_removed("this"):
        raise refusal("AccessDenied")
    with leftovers.unless_removed("that"):
        raise InfraError("it is in use")
    with leftovers.unless_removed("the rest"):
        pass
    assert leftovers.found == ["this: AccessDenied, it says", "that: it is in use"]


def test_a_mistake_of_ours_is_not_taken_for_something_left() -> None:
    with pytest.raises(KeyError), remove.Leftovers().unless_removed("this"):
        raise KeyError("no such output")


@pytest.mark.parametrize(
    ("given", "environment"), [('{"EnvironmentName": "demo"}', "demo"), ("[]", None), ("{", None), ("", None)]
)
def test_only_executions_for_the_environment_are_stopped(given: str, environment: str | None) -> None:
    assert remove._environment({"input": given}) == environment


def test_a_bucket_of_another_account_is_not_used() -> None:
    s3 = Recorder(head_bucket=refusal("403"))
    with pytest.raises(InfraError, match="bucket `taken` cannot be used by account 111122223333"):
        artifacts.ensure_bucket(lambda _: s3, "taken", "us-west-2", ("111122223333", "aws"), print)
    assert [operation for operation, _ in s3.calls] == ["head_bucket"]
    assert s3.calls[0][1]["ExpectedBucketOwner"] == "111122223333"


def test_nothing_of_a_bucket_that_others_made_is_removed() -> None:
    s3 = Recorder(get_bucket_tagging={"TagSet": [{"Key": "application", "Value": "theirs"}]})
    with pytest.raises(InfraError, match="it was not made here"):
        artifacts.delete_bucket(lambda _: s3, "theirs", "111122223333", print)
    assert [operation for operation, _ in s3.calls] == ["head_bucket", "get_bucket_tagging"]
