"""Many deployments of as many services at once, through one shared stack: `python -m load`, see `command`."""
