"""Notes that the machine was given back."""

from google.colab import note


def unassign() -> None:
    """Give the machine back."""
    note("unassign")
