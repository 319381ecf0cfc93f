"""Writes the state machine's definition, which AWS reads, from its source in YAML. `make definition` runs it."""

import json
from pathlib import Path

import yaml

SOURCE = Path(__file__).with_name("canary.asl.yaml")
DEFINITION = SOURCE.with_suffix(".json")


def definition() -> str:
    """The text of the definition."""
    return json.dumps(yaml.safe_load(SOURCE.read_text()), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    DEFINITION.write_text(definition())
