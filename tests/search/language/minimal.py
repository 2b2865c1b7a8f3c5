"""A smallest sweep file, and what is read of it or refused."""

import pytest

from colabctl.search import Declaration, InvalidFileError, read

MINIMAL = "method: random\nparameters: {lr: {min: 0.0, max: 1.0}}\n"


def declared(more: str) -> Declaration:
    return read(MINIMAL + more, "sweep.yaml")


def problem_of(text: str) -> str:
    with pytest.raises(InvalidFileError) as refused:
        read(text, "sweep.yaml")
    return str(refused.value)
