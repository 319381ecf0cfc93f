"""Every AWS call of a deployment × every fault: `python -m faults`, see `command`.

Promises are cited by their numbers in docs/semantics.md, see `promise`.
"""
