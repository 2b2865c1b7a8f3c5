"""Sweeps of functions, for tests."""

GRID = """
method: grid
program: train.py:train
parameters: {{x: {{values: {values}}}}}
{more}
"""


def grid(tasks: int, more: str = "") -> str:
    return GRID.format(values=list(range(tasks)), more=more)


def unindented(text: str) -> str:
    lines = text.strip("\n").splitlines()
    return "\n".join(line[8:] for line in lines) + "\n"
