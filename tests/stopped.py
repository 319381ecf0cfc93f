"""Deployments and repairs that are stopped by hand in a given state, and mended: what `e2e_stopped.py` plays."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from deployments import Ending, lock, standing
from second_interpreter import SecondInterpreter, execution, just_stopped

from canary_local.environment import Environment
from canary_local.mesh import make_router
from canary_local.world import World

# Nothing of a version matters here but its stack, so it has no tasks: many services fit side by side.
TEMPLATE = """
Parameters:
  EnvironmentName: {Type: String}
  MicroserviceName: {Type: String}
  Namespace: {Type: String}
  Sha: {Type: String}
  ContainerImage: {Type: String}
  Port: {Type: Number}
  Protocol: {Type: String}
Resources:
  Node:
    Type: AWS::AppMesh::VirtualNode
    Properties:
      MeshName: !Ref EnvironmentName
      VirtualNodeName: !Sub ${MicroserviceName}-${Sha}
      Spec:
        Listeners: [{PortMapping: {Port: !Ref Port, Protocol: !Ref Protocol}}]
        ServiceDiscovery: {AWSCloudMap: {NamespaceName: !Ref Namespace, ServiceName: !Sub '${MicroserviceName}-${Sha}'}}
"""
# A stack with this resource does not come up.
BROKEN = """
  Nowhere:
    Type: AWS::AppMesh::VirtualNode
    DependsOn: Node
    Properties: {MeshName: nowhere, VirtualNodeName: nobody, Spec: {}}
"""
# No execution here is meant to take a fifth as long, even with all the others at work; less than pytest's own limit.
LIMIT_SECONDS = 500


Act = Callable[[str], object]
"""Is given the execution's ARN."""


@dataclass(frozen=True)
class Kind:
    """A kind of run, and where it is stopped."""

    states: tuple[str, ...]
    on_no_data: str = "Proceed"
    protocol: str = "tcp"
    """TCP has no data that would be waited for."""
    stable: bool = True
    """Whether there is a version before it."""
    template: str = TEMPLATE
    visit: int = 1
    """At which of its visits to the state it is stopped. A Wait takes no time before that visit."""
    wait_time: int = 1
    left: str = ""
    """For a repair: the state in which the deployment was stopped that it repairs."""
    held: bool = False
    """Whether another route names the stable version until then, so that its removal has not begun."""


# A canary that is promoted, or a first deployment.
GOOD = Kind(())
# Those that record the version, or come after it was recorded: it stays.
RECORDED = {"Record New Version", "Remove Old Version", "Wait for Removal"}


class Moments:
    """Acts when an execution enters the states that a test says: in a Task before its function is called."""

    def __init__(self) -> None:
        self.second: SecondInterpreter
        self._armed: dict[str, tuple[str, int, Act]] = {}
        self._lock = threading.Lock()

    def arm(self, service: str, state: str, act: Act, visit: int = 1) -> None:
        """What is done when the service's next execution enters the state for that time."""
        with self._lock:
            self._armed[service] = (state, visit, act)

    def stop(self, arn: str) -> None:
        """Stops an execution."""
        self.second.client("stepfunctions").stop_execution(executionArn=arn)

    def entered(self, state: str, arn: str) -> bool:
        """Acts if it is the moment. A Wait that is visited before its moment is to take no time."""
        # Executions are named after environment, service and version, with a suffix; only a service's name has hyphens.
        service = arn.rsplit(":", 1)[1].split("-", 1)[1].rsplit("-", 2)[0]
        with self._lock:
            wanted, visit, act = self._armed.get(service, ("", 0, self.stop))
            if state != wanted:
                return False
            self._armed[service] = (state, visit - 1, act)
        if visit == 1:
            act(arn)
        return visit > 1


@dataclass
class Course:
    """A service whose deployment or repair is stopped once, and then mended by a repair or by the next deployment."""

    env: Environment
    moments: Moments
    kind: Kind
    state: str
    service: str
    last: str = ""
    """The ARN of the execution that was started last."""

    def event(self, sha: str, kind: Kind) -> dict[str, Any]:
        return {
            "EnvironmentName": "demo", "Namespace": "demo.local", "MicroserviceName": self.service, "Port": 8080,
            "Protocol": self.kind.protocol, "PercentageStep": 50, "WaitTime": kind.wait_time, "OnNoData": kind.on_no_data,
            "Sha": sha,
            "ContainerImage": f"{self.service}:{sha}", "CanaryTemplate": base64.b64encode(kind.template.encode()).decode(),
        }  # fmt: skip

    def run(self, arn: str) -> Ending:
        """Waits for an execution's end."""
        self.last = arn
        deadline = time.monotonic() + LIMIT_SECONDS
        while execution(arn).status == "RUNNING":
            assert time.monotonic() < deadline, f"{arn} does not end"
            time.sleep(0.5)
        return Ending(list(self.moments.second.follow(arn)))

    def deploy(self, sha: str, kind: Kind) -> Ending:
        return self.run(self.moments.second.deploy(self.event(sha, kind)))

    def repair(self) -> Ending:
        return self.run(self.moments.second.repair("demo", self.service))

    def succeed(self, ending: Ending, state: str) -> None:
        """Nothing went wrong, and the execution ended in that state."""
        assert (ending.status, ending.entered()[-1]) == ("SUCCEEDED", state), (ending.entered(), ending.cause)

    def stopped(self, run: Callable[[], Ending], state: str, visit: int = 1) -> None:
        """Runs something that is stopped in a state."""
        self.moments.arm(self.service, state, self.moments.stop, visit)
        ending = run()
        assert (ending.status, ending.entered()[-1]) == ("ABORTED", state), (ending.entered(), ending.cause)
        assert ending.entered().count(state) == visit

    def found(self) -> World:
        """Where the service stands."""
        return standing(self.env, self.service)

    @contextmanager
    def another_route(self) -> Iterator[None]:
        """A route of the team's own that names the stable version."""
        appmesh, names = self.env.client("appmesh"), {"meshName": "demo", "virtualRouterName": f"{self.service}-vr"}
        targets = [{"virtualNode": f"{self.service}-stable", "weight": 1}]
        spec = {"priority": 1, "tcpRoute": {"action": {"weightedTargets": targets}}}
        appmesh.create_route(**names, routeName="own", spec=spec)
        yield
        appmesh.delete_route(**names, routeName="own")

    def leave(self) -> tuple[World, bool]:
        """Stops what is to be stopped; says how the service stood before, and whether the version was recorded."""
        make_router(self.env, self.service, 8080, self.kind.protocol)
        if self.kind.stable:
            self.succeed(self.deploy("stable", GOOD), "Deployment Succeeded")
        before = self.found()
        if self.kind.left:
            with self.another_route() if self.kind.held else nullcontext():
                self.stopped(lambda: self.deploy("left", self.kind), self.kind.left)
            # A repair waits only for what was stopped a moment ago.
            with just_stopped(self.last) if self.state == "Wait for Turn" else nullcontext():
                self.stopped(self.repair, self.state)
        else:
            self.stopped(lambda: self.deploy("left", self.kind), self.state, self.kind.visit)
        return before, bool({self.state, self.kind.left} & RECORDED)

    def play(self, way: Callable[[Course], None]) -> None:
        """Goes one way, and takes the service down."""
        try:
            way(self)
        finally:
            self.remove()

    def remove(self) -> None:
        """Takes the service out of the mesh."""
        appmesh, router = self.env.client("appmesh"), {"meshName": "demo", "virtualRouterName": f"{self.service}-vr"}
        for route in appmesh.list_routes(**router)["routes"]:
            appmesh.delete_route(**router, routeName=route["routeName"])
        appmesh.delete_virtual_service(meshName="demo", virtualServiceName=f"{self.service}.demo.local")
        appmesh.delete_virtual_router(**router)
        for stack in self.found().stacks:
            self.env.client("cloudformation").delete_stack(StackName=stack)

    def mended_by_a_repair(self) -> None:
        before, recorded = self.leave()
        self.succeed(self.repair(), "Repaired")
        assert lock(self.env, self.service) is None
        assert self.repair().entered() == ["Check Deployment Version", "What Comes First?", "Repaired"], (
            "nothing is left"
        )
        after = self.found()
        if recorded:
            assert after.targets() == {f"{self.service}-left": 100}
            assert after.parameter == ("left", before.parameter[1] + 1 if before.parameter else 1)
            assert set(after.stacks) == {f"demo-{self.service}-left"}
        else:
            assert after == before

    def mended_by_the_next_deployment(self) -> None:
        before, recorded = self.leave()
        ending = self.deploy("next", GOOD)
        self.succeed(ending, "Deployment Succeeded")
        assert lock(self.env, self.service) is None
        plan = ending.outputs("Check Deployment Version")[-1]["plan"]
        number = (before.parameter[1] if before.parameter else 0) + recorded + 1
        stable = "left" if recorded else "stable" if self.kind.stable else None
        assert plan["deployment"].get("stable", {}).get("sha") == stable
        after = self.found()
        assert after.targets() == {f"{self.service}-next": 100}
        assert after.parameter == ("next", number)
        assert set(after.stacks) == {f"demo-{self.service}-next"}
