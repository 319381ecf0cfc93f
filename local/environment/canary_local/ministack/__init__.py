"""A plugin that teaches ministack App Mesh and lets its ECS run real processes.

`install.install()` registers everything; `python -m canary_local.ministack` does that and then starts ministack.
Every function of ministack that is replaced is checked first (see `patching`), so that a ministack whose insides
have changed is refused at start-up with one line instead of misbehaving later.
"""
