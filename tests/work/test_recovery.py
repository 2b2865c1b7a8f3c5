"""Events that a full or lost folder did not take, and `colabctl work --recover`."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes import Project

SWEEP = "method: grid\nprogram: train.py:train\nparameters: {x: {values: [1, 2, 3]}}\n"
TRAIN = "def train(params, task):\n    return {'y': params['x']}\n"

Keep = Callable[..., Path]


@pytest.fixture
def keep(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keep:
    """Cut a worker's journal in the middle of its first result; keep the rest on this machine."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "state/colabctl/kept"
    folder.mkdir(parents=True)

    def kept(sweep: str, **parts: object) -> Path:
        project.declare(sweep, SWEEP, TRAIN)
        assert project.run("work", sweep).code == 0
        (journal,) = (project.root / "sweeps" / sweep / "journal").glob("*/events.jsonl")
        data = journal.read_bytes()
        cut = data.index(b'"event":"done"') + 5
        journal.write_bytes(data[:cut])
        record = {
            "root": str(project.root.absolute()),
            "sweep": sweep,
            "worker": journal.parent.name,
            "place": cut,
            "lines": data[cut:].decode(),
            "format": 1,
            **parts,
        }
        file = folder / f"{journal.parent.name}.json"
        file.write_text(json.dumps({key: each for key, each in record.items() if each is not None}))
        return file

    return kept


def finished(project: Project, sweep: str) -> int:
    shown = project.run("status", sweep, "--json")
    return int(shown.json["done"])


def test_events_that_start_in_the_middle_of_a_line_are_recovered(
    project: Project, keep: Keep
) -> None:
    file = keep("first")
    assert finished(project, "first") == 0
    done = project.run("work", "--recover")
    assert (done.code, file.exists(), finished(project, "first")) == (0, False, 3)
    assert "first: recovered the results of t0" in done.err


def test_a_record_without_a_format_number_has_the_first_format(
    project: Project, keep: Keep
) -> None:
    keep("first", format=None)
    assert project.run("work", "--recover").code == 0
    assert finished(project, "first") == 3


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"format": 2}, "was written by a newer colabctl"),
        ({"lines": None}, "is damaged"),
        ({"root": None, "more": 1}, "is damaged"),
    ],
)
def test_a_record_that_cannot_be_read_is_reported_and_kept(
    project: Project, keep: Keep, parts: dict[str, object], message: str
) -> None:
    file = keep("first", **parts)
    done = project.run("work", "--recover")
    assert (done.code, file.exists()) == (1, True)
    assert message in done.err
    assert file.name in done.err
    assert message in project.run("doctor").out


def test_a_sweep_that_is_gone_does_not_stop_the_recovery_of_others(
    project: Project, keep: Keep
) -> None:
    gone, other = keep("gone"), keep("other")
    (project.root / "sweeps/gone").rename(project.root / "gone")
    done = project.run("work", "--recover")
    assert (done.code, gone.exists(), other.exists()) == (1, True, False)
    assert "sweep 'gone' does not exist" in done.err
    assert "other: recovered the results" in done.err
    assert finished(project, "other") == 3


@pytest.mark.skipif(sys.platform == "win32", reason="has no links for everyone")
def test_nothing_is_recovered_through_a_link(project: Project, keep: Keep, tmp_path: Path) -> None:
    """A member replaces a journal by a link to private files while its last lines are kept."""
    file = keep("first")
    private = tmp_path / "private"
    journal = project.root / "sweeps/first/journal" / file.stem
    for link, target in ((journal, private), (journal / "events.jsonl", private / "events.jsonl")):
        shutil.copytree(journal, private)
        before = (private / "events.jsonl").read_bytes()
        journal.rename(tmp_path / "away")
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(target)
        said = project.run("work", "--recover")
        assert said.code == 1
        assert f"{link}" in said.err
        assert "is a link" in said.err
        assert file.exists()
        assert (private / "events.jsonl").read_bytes() == before
        link.unlink()
        shutil.rmtree(journal, ignore_errors=True)
        shutil.rmtree(private)
        (tmp_path / "away").rename(journal)
    assert project.run("work", "--recover").code == 0
    assert finished(project, "first") == 3
