"""The machine."""


def unassign() -> None:
    raise AssertionError("the machine was given back, with the worker on it")
