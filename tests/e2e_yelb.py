"""yelb's two deployments with people voting all the while: each vote that was answered counts as its version says, and no other."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from deployments import Callers, Ending, deploy, ingress, world

from canary_local.environment import Environment
from canary_local.mesh import make_router

NAMESPACE, ENVIRONMENT = "demo.local", "demo"
APP_SERVER = "yelb-appserver"
# The stores, the app server that calls them, and the page; what a version's template is made of.
SERVICES = {
    "yelb-redisserver": (6379, "tcp", "manifest.yaml"),
    "yelb-db": (5432, "tcp", "canary-helper.yaml"),
    APP_SERVER: (4567, "http", "manifest.yaml"),
    "yelb-ui": (8080, "http", "manifest.yaml"),
}
STORES, CALLERS = ("yelb-redisserver", "yelb-db"), (APP_SERVER, "yelb-ui")
# The manifest's command, as it is; fixed; and as a bad version has it.
TWICE, ONCE, WRONG_PORT = ('["--votes-per-click", "2"]', '["--votes-per-click", "1"]', '["--port", "4568"]')


def deploy_version(env: Environment, directory: Path, service: str, sha: str, **changes: Any) -> Ending:
    """Builds and deploys a version, in the environment that all tests share. `command` replaces the manifest's."""
    specfiles = env.checkout.root / "samples" / "yelb" / service / "specfiles"
    source = (specfiles / SERVICES[service][2]).read_text()
    if service == APP_SERVER:
        assert source.count(TWICE) == 1
        source = source.replace(TWICE, changes.pop("command", TWICE))
    file = directory / f"{service}-{sha}.yaml"
    file.write_text(source)
    kind = "--manifest" if SERVICES[service][2] == "manifest.yaml" else "--template"
    values = {"EnvironmentName": ENVIRONMENT, "Namespace": NAMESPACE, "PercentageStep": 50, "WaitTime": 3, **changes}
    command = [str(env.checkout.root / "target" / "debug" / "canary"), "render", kind, str(file), "--output", "-"]
    command += ["--deploy", str(specfiles / "deploy.json"), "--sha", sha, "--image", f"{service}:{sha}"]
    command += [word for name, value in values.items() for word in ("--set", f"{name}={value}")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return deploy(env, json.loads(done.stdout))


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("builds")


@pytest.fixture(scope="module")
def page(env: Environment, builds: Path) -> str:
    """The URL of yelb-ui, with version `one` of everything live: a vote counts two."""
    for service, (port, protocol, _) in SERVICES.items():
        make_router(env, service, port, protocol)

    def first(service: str) -> None:
        ending = deploy_version(env, builds, service, "one", WaitTime=1)
        assert ending.status == "SUCCEEDED", ending.cause

    # The stores, then who calls them.
    with ThreadPoolExecutor(max_workers=2) as pool:
        for pair in (STORES, CALLERS):
            list(pool.map(first, pair))
    return f"http://{ingress(env, 'yelb-ui-one')}"


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def votes(page: str) -> dict[str, int]:
    return {restaurant["name"]: restaurant["value"] for restaurant in json.loads(get(f"{page}/api/getvotes"))}


class Visitors(Callers):
    """Callers who remember who answered each of their requests, and what."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.answers: list[tuple[str, str, str]] = []

    def request(self) -> None:
        """One request; its answer's version, hostname and text are remembered."""
        with urllib.request.urlopen(self.url, timeout=10) as answer:
            text = answer.read().decode()
            self.answers.append((answer.headers["x-version"], answer.headers["x-hostname"], text))

    def by_version(self) -> Counter[str]:
        """How many requests each version answered."""
        return Counter(version for version, _, _ in self.answers)


def test_the_fix_of_a_vote_that_counts_twice_loses_no_vote_and_no_page_view(
    env: Environment, page: str, builds: Path
) -> None:
    before, views = votes(page), int(get(f"{page}/api/pageviews"))
    with Visitors(f"{page}/api/chipotle") as voters, Visitors(f"{page}/api/pageviews") as viewers:
        fixed = deploy_version(env, builds, APP_SERVER, "two", command=ONCE, PercentageStep=30)
    assert fixed.status == "SUCCEEDED", fixed.cause
    assert fixed.weights() == [30, 60, 90, 100]
    assert fixed.verdicts() == {"Healthy"}

    assert (voters.failed, viewers.failed) == ([], [])
    cast = voters.by_version()
    assert cast.keys() == {"one", "two"}
    assert min(cast.values()) > 50
    assert votes(page) == {**before, "chipotle": before["chipotle"] + 2 * cast["one"] + cast["two"]}
    # Each view was counted once: no number was given twice, and none is missing.
    assert sorted(int(text) for _, _, text in viewers.answers) == [views + n + 1 for n in range(len(viewers.answers))]
    # What the page shows as the app server's name switches between two, one of each version.
    names = {(version, hostname) for version, hostname, _ in viewers.answers}
    assert len(names) == len({version for version, _ in names}) == len({hostname for _, hostname in names}) == 2


def test_a_version_on_the_wrong_port_gets_no_vote_and_none_is_lost(env: Environment, page: str, builds: Path) -> None:
    before, counted = world(env, APP_SERVER), votes(page)
    assert before.parameter == ("two", 2)
    with Visitors(f"{page}/api/ihop") as voters:
        ending = deploy_version(env, builds, APP_SERVER, "three", command=WRONG_PORT)
        voters.wait_for_answers(voters.answered + 50)
    assert (ending.status, ending.error) == ("FAILED", "Canary.StackFailed"), ending.cause
    assert ending.entered()[-1] == "Deployment Failed & Rolled Back"
    assert world(env, APP_SERVER) == before

    assert voters.failed == []
    cast = voters.by_version()
    assert cast.keys() == {"two"}
    assert votes(page) == {**counted, "ihop": counted["ihop"] + cast["two"]}


def test_the_app_server_finds_a_new_redis_by_itself(env: Environment, page: str, builds: Path) -> None:
    before = int(get(f"{page}/api/pageviews"))
    with Visitors(f"{page}/api/pageviews") as viewers:
        viewers.wait_for_answers(20)
        ending = deploy_version(env, builds, "yelb-redisserver", "two", PercentageStep=100, WaitTime=1)
        failed, answered = len(viewers.failed), viewers.answered
        viewers.wait_for_answers(answered + 50)
    assert ending.status == "SUCCEEDED", ending.cause
    assert len(viewers.failed) == failed, "nobody notices any more"
    # The views begin anew: the data is the task's, and goes with it.
    seen = [int(text) for _, _, text in viewers.answers]
    assert before + 20 in seen
    assert seen.count(1) == 1
