"""The parts of the bench, in the order of the document. Each module has WHAT, add_options() and measure()."""

from canary_bench.parts import build, costs, deployment, environment, functions, growth

PARTS = {
    "functions": functions,
    "build": build,
    "costs": costs,
    "deployment": deployment,
    "growth": growth,
    "environment": environment,
}
