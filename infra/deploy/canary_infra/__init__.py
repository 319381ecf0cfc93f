"""Sets up and removes the stacks of infra/, on AWS and on the local environment alike."""
