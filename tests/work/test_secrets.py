"""Secrets come from the environment, and never reach a file."""

import html
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from colabctl.run.failure import headline
from colabctl.run.redaction import concealed, concealer
from tests.processes import Project

SWEEP = "method: grid\nprogram: train.py:train\nmax_retries: 0\nparameters: {x: {values: [1]}}\n"
LEAKY = """
import os

def train(params, task):
    token = os.environ["HF_TOKEN"]
    print("logging in with", token)
    task.report(step=1, said=token)
    raise RuntimeError(f"401 for {token}")
"""
TOKEN = "hf_abcdefgh12345"


def with_secret(project: Project) -> None:
    config = project.root / "colabctl.yaml"
    config.write_text(config.read_text() + "\nsecrets: [HF_TOKEN]\n")


def test_a_missing_secret_is_named_before_anything_runs(project: Project) -> None:
    with_secret(project)
    project.declare("leak", SWEEP, LEAKY)
    refused = project.run("work", "leak")
    assert refused.code == 1
    assert "not in the environment: HF_TOKEN;" in refused.err
    assert len(refused.err.splitlines()) == 1
    assert project.events("leak") == []


def test_a_secret_that_a_task_prints_reaches_neither_the_folder_nor_the_terminal(
    project: Project,
) -> None:
    with_secret(project)
    project.declare("leak", SWEEP, LEAKY)
    worked = project.run("work", "leak", HF_TOKEN=TOKEN)
    assert project.results("leak")[0]["error"] == "RuntimeError: 401 for [HF_TOKEN]"
    assert "logging in with [HF_TOKEN]" in project.run("failures", "leak").out
    assert TOKEN not in worked.err + worked.out
    assert not [file for file in files(project.root) if TOKEN.encode() in file.read_bytes()]


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


KEY = """ {
  "id": "ana's & ben's",
  "key": "-----BEGIN-----\\nabc"
}
"""


@pytest.mark.parametrize(
    "shown",
    [
        str,
        repr,
        json.dumps,
        html.escape,
        str.strip,
        lambda key: " ".join(key.split()),
        lambda key: key.splitlines()[1],
        lambda key: json.dumps(key.splitlines()),
    ],
)
def test_a_secret_is_known_however_it_is_quoted_and_line_by_line(
    shown: Callable[[str], str],
) -> None:
    line = concealer(["KEY"], {"KEY": KEY})(f"denied: {shown(KEY)}")
    assert line.startswith("denied: ")
    assert "[KEY]" in line
    assert not [part for part in ("ana", "ben", "BEGIN", "abc") if part in line]


def test_secrets_are_concealed_in_the_names_and_the_values_of_json() -> None:
    conceal = concealer(["HF_TOKEN"], {"HF_TOKEN": TOKEN})
    metrics = {f"loss of {TOKEN}": 1.5, "all": [TOKEN, None, {TOKEN: True}]}
    assert concealed(metrics, conceal) == {
        "loss of [HF_TOKEN]": 1.5,
        "all": ["[HF_TOKEN]", None, {"[HF_TOKEN]": True}],
    }


def test_no_part_of_a_secret_is_left_where_an_error_is_cut_off() -> None:
    conceal = concealer(["HF_TOKEN"], {"HF_TOKEN": TOKEN})
    for filling in range(470, 500):
        said = headline(ValueError("x" * filling + TOKEN), conceal)
        assert TOKEN[:3] not in said


def test_a_task_that_fails_shows_no_line_of_a_secret_of_many_lines(project: Project) -> None:
    with_secret(project)
    project.declare("leak", SWEEP, LEAKY)
    assert project.run("work", "leak", HF_TOKEN=KEY).code == 1
    [row] = project.results("leak")
    assert row["error"] == "RuntimeError: 401 for [HF_TOKEN]"
    assert not [file for file in files(project.root) if b"BEGIN" in file.read_bytes()]
