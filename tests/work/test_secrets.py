"""Secrets come from the environment, and never reach a file."""

from pathlib import Path

from tests.processes import Project

SWEEP = "method: grid\nprogram: train.py:train\nmax_retries: 0\nparameters: {x: {values: [1]}}\n"
LEAKY = """
import os

def train(params, task):
    token = os.environ["HF_TOKEN"]
    print("logging in with", token)
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
    assert "logging in with [HF_TOKEN]" in project.run("status", "leak", "--failures").out
    assert TOKEN not in worked.err + worked.out
    assert not [file for file in files(project.root) if TOKEN.encode() in file.read_bytes()]


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
