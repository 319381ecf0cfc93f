"""What `make status` shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from canary_local import report
from canary_local.environment import Environment


class Served:
    """A running environment with a mesh of 17 past versions, one that is live and one that is about to come."""

    endpoint = "http://127.0.0.1:1"
    mesh = "demo"

    def __init__(self, **meshes: dict[str, Any]) -> None:
        past = {f"web-{number}": {"tasks": 0, "requests": 9} for number in range(17)}
        nodes = {**past, "web-live": {"tasks": 1, "requests": 5}, "web-draining": {"tasks": 1, "requests": 1}}
        routes = {"web-vr/web-route": {"web-live": 100}}
        self.found = {"demo": {"virtualNodes": nodes, "gateways": {}, "routes": routes}, **meshes}
        self.rejections: list[dict[str, str]] = []

    def meshes(self) -> dict[str, Any]:
        return {name: {"virtualNodes": {}, "gateways": {}, "routes": {}, **mesh} for name, mesh in self.found.items()}

    def problems(self) -> list[dict[str, str]]:
        return self.rejections

    def find_gateway(self) -> str | None:
        return Environment.find_gateway(self)  # type: ignore[arg-type]

    def client(self, _: str) -> Served:
        return self

    def get_paginator(self, operation: str) -> Served:
        assert operation == "list_virtual_nodes"
        return self

    def paginate(self, meshName: str) -> Iterator[dict[str, Any]]:
        if meshName == "gone":
            raise ClientError({"Error": {"Code": "NotFoundException"}}, "ListVirtualNodes")
        names = ("web-live", "web-coming") if meshName == "demo" else ("web-live",)
        yield {"virtualNodes": [{"virtualNodeName": name} for name in names]}


def test_status_shows_what_is_there_and_nothing_that_is_gone() -> None:
    served = Served()
    assert report.status(served).splitlines() == [  # type: ignore[arg-type]
        "endpoint   http://127.0.0.1:1",
        "gateway    none",
        "node       demo/web-coming: 0 task(s), 0 request(s)",
        "node       demo/web-draining: 1 task(s), 1 request(s)",
        "node       demo/web-live: 1 task(s), 5 request(s)",
        "route      demo/web-vr/web-route: web-live 100 %",
    ]
    served.rejections = [{"task": "t1", "resource": "virtual node `web-live`", "message": "invalid\x1b[2J regex"}]
    assert report.status(served).splitlines()[-1] == (  # type: ignore[arg-type]
        r"problem    virtual node `web-live` (task t1): invalid\x1b[2J regex"
    )


def test_two_meshes_are_told_apart_and_a_gateway_without_tasks_has_no_url() -> None:
    ingress = {"address": "127.1.2.3", "port": 80}
    nodes = {"web-live": {"tasks": 2, "requests": 7}}
    gone = {"gateways": {"ingress": {"address": None, "port": None}}}
    other = {"virtualNodes": nodes, "gateways": {"ingress": ingress}}
    served = Served(gone=gone, other=other)
    lines = report.status(served).splitlines()  # type: ignore[arg-type]
    assert "gateway    http://127.1.2.3:80" in lines
    assert {
        "node       demo/web-live: 1 task(s), 5 request(s)",
        "node       other/web-live: 2 task(s), 7 request(s)",
    } <= {*lines}
    served.found["demo"]["gateways"] = {"ingress": {"address": "127.4.4.4", "port": 80}}
    assert served.find_gateway() == "http://127.4.4.4:80", "the hello environment's comes first"
    for half in ({"address": None, "port": 80}, {"address": "127.1.2.3", "port": None}):
        served.found = {"demo": {"gateways": {"ingress": half}}}
        assert "gateway    none" in report.status(served).splitlines()  # type: ignore[arg-type]


def test_a_problem_is_told_once_however_often_it_is_counted() -> None:
    log = {"resource": "the data plane's own log", "task": "none", "message": "7 lines could not be written"}
    rejected = {"resource": "virtual node `web`", "task": "t1", "message": "Envoy rejected it"}
    problems = report.Problems()
    assert problems.lines([log]) == ["problem    the data plane's own log: 7 lines could not be written"]
    assert problems.lines([{**log, "message": "99 lines could not be written"}, rejected]) == [
        "problem    virtual node `web` (task t1): Envoy rejected it"
    ]
