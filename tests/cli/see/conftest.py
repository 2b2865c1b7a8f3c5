"""Fixtures for the commands that show."""

import pytest

from tests.cli.see.test_status import claim, done, failed
from tests.processes import Project

SPACE = (
    "method: grid\nmetric: {name: y, goal: maximize}\nmax_retries: 0\n"
    "parameters: {model: {values: [svm, mlp]}, lr: {values: [0.1, 0.01, 0.001]}, seed: {value: 7}}\n"
)


@pytest.fixture
def space(project: Project) -> Project:
    project.declare("space", SPACE)
    outcomes = [done(n, y=n / 10, epochs=10) for n in range(5)]
    project.journal("space", claim(*range(6)), *outcomes, failed(5, 1, "CUDA out of memory"))
    return project
