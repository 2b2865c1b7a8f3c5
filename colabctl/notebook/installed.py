"""Says whether this machine can run notebooks."""

from importlib.util import find_spec


def lacks() -> str:
    """Return what is missing to run notebooks here, and the fix; "" if nothing is."""
    if find_spec("ipykernel") is not None:
        return ""
    return "a notebook needs ipykernel; run: pip install ipykernel"
