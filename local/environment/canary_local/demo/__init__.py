"""The demo: canary deployments played for real on the local environment, watched, measured and judged.

Reading order: `scenes` says what is played and promised, `play` plays one scene, `history` turns an execution's
history into weights and verdicts, `measure` turns counters into traffic shares, `judge` compares with the promise,
`report` and `page` write down what happened.
"""
