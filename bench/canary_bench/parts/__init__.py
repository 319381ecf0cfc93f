"""The parts of the bench, in the order of the document. Each module has WHAT, add_options() and measure()."""

from canary_bench.parts import build, functions

PARTS = {"functions": functions, "build": build}
