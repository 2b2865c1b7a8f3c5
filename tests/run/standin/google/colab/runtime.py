"""The machine."""


def unassign() -> None:
    raise AssertionError("the machine was released while the worker ran on it")
