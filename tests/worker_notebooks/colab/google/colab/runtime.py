"""Records that the machine was released."""

from google.colab import note


def unassign() -> None:
    """Give the machine back."""
    note("unassign")
