"""The programs behind the images of the end-to-end tests, and how long a stack takes there.

Not in conftest.py: other folders of tests have one too, and a run of all of them imports the last.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BACKEND = ["{checkout}/target/debug/hello-backend"]

# What the versions of hello-backend in these tests do; a version that is not named here is a good one.
MISBEHAVIOURS = {
    "hello-backend:wrongport*": {"PORT_OFFSET": "1"},
    "hello-backend:errors*": {"ERROR_PERCENT": "100"},
}

# How long a stack takes to be created is no subject of these tests.
STACK_SECONDS = 0.5
# Listens as many seconds after its start as an app that has much to load.
LATE_SECONDS = 12

# Apps that are not ours, with what follows the host on their command line; of the images that match, the first counts.
OTHER_APPS = {
    "hello-backend:turnsbad*": ("turns_bad.py", "{port}"),
    "tcp-echo:closes*": ("tcp_echo.py", "{port}", "closes"),
    "tcp-echo:*": ("tcp_echo.py", "{port}"),
    "grpc-version:closes*": ("tcp_echo.py", "{port}", "closes"),
    "grpc-version:status*": ("grpc_version.py", "{port}", "INTERNAL"),
    "grpc-version:errors*": ("http2_error.py", "{port}"),
    "grpc-version:*": ("grpc_version.py", "{port}"),
    "egress:*": ("egress.py", "{port}", "{egress:tally.demo.local}", "{egress:versions.demo.local}"),
}


def image_map(directory: Path) -> Path:
    """The image map of these tests: misbehaving versions, one that cannot start, and apps that are not ours."""
    place = {"HOST": "{host}", "PORT": "{port}"}
    images = [{"image": name, "run": BACKEND, "env": {**place, **env}} for name, env in MISBEHAVIOURS.items()]
    late = ["/bin/sh", "-c", f"sleep {LATE_SECONDS}; exec {BACKEND[0]}"]
    images.append({"image": "hello-backend:late*", "run": late, "env": place})
    images.append({"image": "*:crashes*", "run": [sys.executable, "-c", "print('no database'); raise SystemExit(3)"]})
    apps = ROOT / "tests" / "apps"
    images += [
        {"image": image, "run": [sys.executable, str(apps / app), "{host}", *arguments]}
        for image, (app, *arguments) in OTHER_APPS.items()
    ]
    # yelb in the environment that all tests share instead of its own.
    yelb = (ROOT / "samples" / "yelb" / "images.json").read_text().replace(".yelb.local", ".demo.local")
    images += json.loads(yelb)["images"]
    path = directory / "images.json"
    path.write_text(json.dumps({"images": images}))
    return path
