"""What can go wrong in a way that its reader can mend."""


class BenchError(Exception):
    """Says what is missing or failed."""
