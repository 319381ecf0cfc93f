"""The same metric settings tell the data plane when to publish and the functions how long to wait."""

from __future__ import annotations

import pytest

from canary_local.commands import main
from canary_local.metrics import Metrics


def test_data_plane_and_shared_stack_have_the_same_metric_settings() -> None:
    assert Metrics(5, 10).dataplane_options() == {"metric-period": 5, "metric-delay": 10}
    assert Metrics(5, 10).stack_parameters() == {"MetricPeriodSeconds": "5", "MetricDelaySeconds": "12"}


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [("--metric-period", "2", "1, 5, 10, 30, 60"), ("--metric-delay", "601", "from 0 to 600")],
)
def test_a_metric_setting_that_is_not_allowed_is_refused(
    option: str, value: str, allowed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["up", option, value])
    said = capsys.readouterr().err
    assert option in said
    assert value in said
    assert allowed in said
