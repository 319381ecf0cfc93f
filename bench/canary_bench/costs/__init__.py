"""What a deployment uses of AWS, worked out by walking its state machine, counted in real executions, and what that costs."""
