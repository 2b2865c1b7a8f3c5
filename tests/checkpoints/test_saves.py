"""Half-trained models: which save is found again, and what is said about one that is not."""

import errno
import json
import os
import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from colabctl.checkpoints.content import content_of
from colabctl.checkpoints.places import superseded
from colabctl.checkpoints.states import load_json, load_npz, save_json, save_npz
from colabctl.errors import UserError
from tests.callbacks.attempts import attempt
from tests.drive import Drive
from tests.drive.fixtures import drives

__all__ = ["drives"]

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers() | st.tuples(st.integers()), inner)
    ),
    max_leaves=20,
)


@given(plain)
def test_any_plain_state_comes_back_as_it_was(state: Any) -> None:
    import io  # noqa: PLC0415

    for save, load in ((save_json, load_json), (save_npz, load_npz)):
        file = io.BytesIO()
        save(state, file)
        file.seek(0)
        assert repr(load(file)) == repr(state)


def test_a_state_of_every_kind_comes_back_from_a_file_of_its_kind(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    states: list[tuple[str, Any]] = [
        (".json", {"best": float("inf"), "rng": random.getstate(), 3: {"a"}}),
        (
            ".npz",
            {
                "w": np.arange(3),
                "rng": np.random.RandomState(1).get_state(),
                "loss": np.float32(0.5),
            },
        ),
        (".json", generator.bit_generator.state),
    ]
    for number, (ending, state) in enumerate(states):
        task = attempt(tmp_path / str(number), 1)
        assert task.resume() is None
        assert task.save(state, step=number)
        found = attempt(tmp_path / str(number), 2).resume()
        assert found is not None
        assert (found.file.suffix, found.step, repr(found.state)) == (ending, number, repr(state))


def test_a_torch_state_comes_back_with_its_optimizer_and_numpy_arrays(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    state = {
        "model": model.state_dict(), "optimizer": optimizer.state_dict(), "half": torch.ones(2).half(),
        "numpy": np.random.RandomState(1).get_state(), "acc": np.float64(0.25), "best": float("nan"),
    }  # fmt: skip
    attempt(tmp_path, 1).save(state, step=3)
    found = attempt(tmp_path, 2).resume()
    assert found is not None
    assert found.file.suffix == ".pt"
    assert repr(found.state) == repr(state)
    torch.optim.Adam(model.parameters()).load_state_dict(found.state["optimizer"])


def test_the_last_two_saves_are_kept(tmp_path: Path) -> None:
    task = attempt(tmp_path, 1)
    for step in range(5):
        assert task.save({"n": step}, step=step)
    assert sorted(path.name for path in (tmp_path / "1/saves").iterdir()) == [
        "000004.json", "000004.saved.json", "000005.json", "000005.saved.json",
    ]  # fmt: skip
    assert superseded(tmp_path) == []


def test_a_later_attempt_removes_nothing_of_an_earlier_one(tmp_path: Path) -> None:
    attempt(tmp_path, 1).save({"n": 1})
    later = attempt(tmp_path, 2)
    for step in range(4):
        later.save({"n": step})
    assert (tmp_path / "1/saves/000001.json").is_file()


@pytest.mark.parametrize("damage", ["half", "empty", "other", "gone", "record", "half a record"])
def test_the_newest_whole_save_wins_and_what_is_passed_over_is_said(
    tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    attempt(tmp_path, 1).save({"n": 1}, step=1)
    attempt(tmp_path, 2).save({"n": 2}, step=2)
    file = tmp_path / "2/saves/000001.json"
    record = tmp_path / "2/saves/000001.saved.json"
    data = file.read_bytes()
    if damage == "gone":
        file.unlink()
    elif damage == "record":
        record.unlink()
    elif damage == "half a record":
        record.write_bytes(record.read_bytes()[:40])
    else:
        file.write_bytes(
            {"half": data[:4], "empty": b"", "other": data.replace(b"2", b"9")}[damage]
        )
    found = attempt(tmp_path, 3).resume()
    assert found is not None
    assert (found.state, found.step) == ({"n": 1}, 1)
    said = capsys.readouterr().err
    assert ("still arriving, so the task continues from" in said) == ("record" not in damage)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"fn": lambda: 1}, r"state\['fn'\] is a lambda, which cannot be saved; leave it out"),
        ({"a": [1, sys.__stdin__]}, r"state\['a'\]\[1\] is of type _io\.TextIOWrapper"),
        ({"rng": np.random.default_rng()}, r"state\['rng'\].*use its \.bit_generator\.state"),
        ({"rng": random.Random(1)}, r"state\['rng'\].*use its \.getstate\(\)"),
        ({"at": Path("x")}, r"state\['at'\].*use str\(\.\.\.\) of it"),
        ({"w": np.array([{}])}, r"state\['w'\] is an array of Python objects"),
        (os, "state is os itself"),
    ],
)
def test_what_cannot_be_saved_without_a_pickle_is_named(
    tmp_path: Path, state: Any, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        attempt(tmp_path, 1).save(state)
    holds_itself: list[Any] = []
    holds_itself.append(holds_itself)
    with pytest.raises(UserError, match="holds itself"):
        attempt(tmp_path, 1).save(holds_itself)
    assert not (tmp_path / "1").exists()


def test_a_file_is_saved_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "model.keras"
    file.write_bytes(b"weights")
    attempt(tmp_path, 1).save(file, step=2)
    found = attempt(tmp_path, 2).resume()
    assert found is not None
    assert (found.state.read_bytes(), found.state.suffix, found.step) == (b"weights", ".keras", 2)
    with pytest.raises(UserError, match="is not a file"):
        attempt(tmp_path, 1).save(tmp_path)


def test_a_save_by_a_newer_colabctl_is_not_passed_over(tmp_path: Path) -> None:
    attempt(tmp_path, 1).save({"n": 1})
    record = tmp_path / "1/saves/000001.saved.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "format": 2}))
    with pytest.raises(UserError, match="written by a newer colabctl"):
        attempt(tmp_path, 2).resume()


def test_a_pickle_or_a_link_in_place_of_a_save_is_not_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import pickle  # noqa: PLC0415

    attempt(tmp_path, 1).save({"n": 1})
    folder = tmp_path / "1/saves"
    shutil.move(folder / "000001.json", tmp_path / "elsewhere.json")
    (folder / "000001.json").symlink_to(tmp_path / "elsewhere.json")
    assert attempt(tmp_path, 2).resume() is None
    assert "is a link" in capsys.readouterr().err
    (folder / "000001.json").unlink()
    (folder / "000001.pkl").write_bytes(pickle.dumps({"n": 1}))
    record = json.loads((folder / "000001.saved.json").read_text())
    with (folder / "000001.pkl").open("rb") as file:
        found = content_of(file)
    record |= {"file": "000001.pkl", "size": found.size, "sha256": found.sha256}
    (folder / "000001.saved.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match="has a format that this colabctl does not know"):
        attempt(tmp_path, 2).resume()


@pytest.fixture
def machine(drives: Any) -> Iterator[Any]:
    drive: Drive = drives(machines=1, median=0.0, worst=0.0)
    yield drive.machine(0)
    drive.machine(0).repair()


def test_on_a_full_or_failing_drive_the_previous_save_stays_and_training_goes_on(
    machine: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    task = attempt(machine.path, 1)
    assert task.save({"n": 1}, step=1)
    machine.fill()
    assert not task.save({"n": 2}, step=2)
    said = capsys.readouterr().err
    assert "the save of step 2 failed" in said
    assert os.strerror(errno.ENOSPC) in said
    assert "free space" in said
    machine.repair()
    found = attempt(machine.path, 2).resume()
    assert found is not None
    assert found.state == {"n": 1}
    assert task.save({"n": 3}, step=3)
    found = attempt(machine.path, 2).resume()
    assert found is not None
    assert found.state == {"n": 3}


def test_resuming_waits_for_a_drive_that_does_not_answer(
    machine: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    attempt(machine.path, 1).save({"n": 1}, step=1)
    later = attempt(machine.path, 2)
    machine.fail(errno.EIO, seconds=2)
    found = later.resume()
    assert found is not None
    assert found.state == {"n": 1}
    assert "trying again until it answers" in capsys.readouterr().err


def test_only_the_first_process_of_a_distributed_program_saves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    assert attempt(tmp_path, 1).save({"n": 1})
    assert not (tmp_path / "1").exists()
    monkeypatch.setenv("RANK", "0")
    assert attempt(tmp_path, 1).save({"n": 1})
    assert (tmp_path / "1/saves/000001.json").is_file()
