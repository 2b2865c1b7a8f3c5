"""Values that are saved once, and built again when what they were made from has changed."""

import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from colabctl.checkpoints import stored
from colabctl.checkpoints.checkpoint import checkpoint
from colabctl.checkpoints.origin import Owner
from colabctl.errors import UserError
from colabctl.sharedfs.files import write_whole

Keep = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "project/checkpoints/ana"


@pytest.fixture
def keep(folder: Path) -> Keep:
    folder.mkdir(parents=True)
    owner = Owner(folder, folder.parent.parent, "ana")

    def keep(name: str, build: Any = None, depends: Any = None, **more: Any) -> Any:
        return checkpoint(owner, name, build, depends, **more)

    return keep


FRAME = pd.DataFrame({"a": [1, 2, 3], "b": ["x", None, "z"]})
ARRAY = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize("name", ["f.parquet", "f.feather", "f.csv"])
def test_a_frame_comes_back_as_it_was(keep: Keep, name: str) -> None:
    first = keep(name, lambda: FRAME)
    again = keep(name, lambda: FRAME)
    pd.testing.assert_frame_equal(first, again)
    assert again["b"].isna().tolist() == [False, True, False]


def test_arrays_text_and_plain_values_come_back_as_they_were(keep: Keep) -> None:
    for _ in range(2):
        np.testing.assert_array_equal(keep("deep/er/a.npy", lambda: ARRAY), ARRAY)
        np.testing.assert_array_equal(keep("a.npz", lambda: {"x": ARRAY, "n": 3})["x"], ARRAY)
        assert keep("a.txt", lambda: "ü\n") == "ü\n"
        assert keep("a.json", lambda: (1, {"a": None})) == [1, {"a": None}]  # a list both times


def test_tensors_come_back_as_they_were(keep: Keep) -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    state = {"model": torch.nn.Linear(2, 1).state_dict(), "rng": ARRAY, "epoch": (1, 2.5)}
    for _ in range(2):
        held = keep("m.pt", lambda: state)
        assert torch.equal(held["model"]["weight"], state["model"]["weight"])
        np.testing.assert_array_equal(held["rng"], ARRAY)
        assert held["epoch"] == (1, 2.5)
    with pytest.raises(UserError, match=r"bad.pt: state is of type .*Linear.*state_dict\(\)"):
        keep("bad.pt", lambda: torch.nn.Linear(2, 1))


def test_safetensors_come_back_as_they_were(keep: Keep) -> None:
    pytest.importorskip("safetensors", reason="needs safetensors")
    for _ in range(2):
        np.testing.assert_array_equal(keep("a.safetensors", lambda: {"x": ARRAY})["x"], ARRAY)
    torch = pytest.importorskip("torch", reason="needs torch")
    for _ in range(2):
        held = keep("t.safetensors", lambda: {"x": torch.eye(2).T})
        assert torch.equal(held["x"], torch.eye(2))


def test_a_folder_counts_as_a_whole(keep: Keep, folder: Path) -> None:
    def build(at: Path) -> None:
        (at / "sub").mkdir()
        (at / "sub/vocab.txt").write_text("a b")
        (at / ".hidden").write_text("x")

    first = keep("tok/", build)
    assert keep("tok/", build) == first == keep("tok/")
    (first / "sub/vocab.txt").write_text("a")
    with pytest.raises(UserError, match=r"sub/vocab\.txt is not what was saved"):
        keep("tok/")
    second = keep("tok/", build)
    assert second != first
    assert (second / "sub/vocab.txt").read_text() == "a b"

    def fails(at: Path) -> None:
        (at / "half").write_text("x")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        keep("new/", fails)
    with pytest.raises(UserError, match="there is no such checkpoint"):
        keep("new/")
    with pytest.raises(UserError, match="wrote no file"):
        keep("none/", lambda _: None)
    (folder / "mine").mkdir()
    (folder / "mine/notes.txt").touch()
    with pytest.raises(UserError, match="holds files that no checkpoint saved"):
        keep("mine/", build)


SCRIPT = """
import sys
from pathlib import Path
from colabctl.checkpoints.checkpoint import checkpoint
from colabctl.checkpoints.origin import Owner
import features
folder = Path(sys.argv[1])
print(checkpoint(Owner(folder, folder.parent.parent, "ana"), "f.json", features.build))
"""
FEATURES = '''
"""Features."""
import numpy as np
from steps import scale

LIMIT = 3
SEEN = {"n": 1}

def build():
    """Build them."""
    return [scale(x) for x in range(LIMIT)] + [SEEN["n"]]
'''


@pytest.mark.parametrize(
    ("file", "old", "new", "why"),
    [
        ("features.py", '"""Build them."""', "# a comment", ""),
        ("features.py", "range(LIMIT)", "range(1, LIMIT)", "build has changed"),
        ("features.py", "LIMIT = 3", "LIMIT = 4", "LIMIT has changed"),
        ("features.py", '"n": 1', '"n": 2', "SEEN has changed"),
        ("steps.py", "2 * x", "3 * x", "steps.scale has changed"),
        ("steps.py", "other", "another", ""),
    ],
)
def test_a_change_of_code_that_build_reaches_makes_it_stale_and_is_named(
    tmp_path: Path, file: str, old: str, new: str, why: str
) -> None:
    folder = tmp_path / "p/checkpoints/ana"
    folder.mkdir(parents=True)
    (tmp_path / "features.py").write_text(FEATURES)
    (tmp_path / "steps.py").write_text("def scale(x):\n    return 2 * x\n\ndef other(): pass\n")
    (tmp_path / "main.py").write_text(SCRIPT)

    def run() -> str:
        command = [sys.executable, "-B", "main.py", str(folder)]
        ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return ended.stderr

    assert run() == ""
    assert run() == ""
    text = (tmp_path / file).read_text()
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new))
    assert run() == (f"colabctl: note: f.json: {why}, so it is built again\n" if why else "")
    assert run() == ""


def test_a_change_of_what_it_depends_on_makes_it_stale_and_is_named(
    keep: Keep, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = folder.parent.parent / "data.csv"
    data.write_text("1")
    built: list[int] = []

    def run(depends: Any) -> str:
        keep("f.json", lambda: len(built), depends=depends)
        return capsys.readouterr().err

    assert run(["data.csv", data.parent / "data.csv", 3]) == ""
    assert run(["data.csv", 3]) == ""
    os.utime(data, (1, 1))  # another machine shows another time
    assert run(["data.csv", 3]) == ""
    data.write_text("2")
    assert "data.csv has changed" in run(["data.csv", 3])
    assert "value 1 of depends has changed" in run(["data.csv", 4])
    assert "value 2 of depends is new" in run(["data.csv", 4, FRAME])
    data.unlink()
    assert "is new, so" in run(["data.csv", 4, FRAME])
    with pytest.raises(UserError, match=r"there is no file .*data\.csv"):
        run([data])
    with pytest.raises(UserError, match="model is a lambda"):
        run({"model": lambda: 1})


def test_a_damaged_or_half_uploaded_file_is_built_again_and_never_loaded(
    keep: Keep, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep("f.csv", lambda: FRAME)
    whole = (folder / "f.csv").read_bytes()
    for half in (b"", whole[:-3], whole + b"1,2\n", whole.replace(b"1", b"7")):
        (folder / "f.csv").write_bytes(half)
        with pytest.raises(UserError, match="not what was saved: changed, damaged, or still arri"):
            keep("f.csv")
        assert len(keep("f.csv", lambda: FRAME)) == 3
        assert "so it is built again" in capsys.readouterr().err
    (folder / "f.csv.saved.json").write_text('{"format": 1, "fi')
    with pytest.raises(UserError, match=r"its record f\.csv\.saved\.json is damaged"):
        keep("f.csv")
    (folder / "f.csv").unlink()
    assert len(keep("f.csv", lambda: FRAME)) == 3


def _raises(error: type[BaseException]) -> Callable[[], Any]:
    def build() -> Any:
        raise error

    return build


def _only_records(write: Callable[..., None]) -> Callable[..., None]:
    """Return a writer that is interrupted before it writes a value."""

    def write_record(path: Path, data: Any) -> None:
        if not path.name.endswith(".saved.json"):
            raise KeyboardInterrupt
        write(path, data)

    return write_record


def test_between_a_new_record_and_its_file_the_old_value_is_still_known(
    keep: Keep,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep("f.json", lambda: 1)
    old = (folder / "f.json").read_bytes()
    keep("f.json", lambda: 22)
    (folder / "f.json").write_bytes(old)  # as after a kill between the two
    assert keep("f.json") == 1
    assert capsys.readouterr().err.count("\n") == 1  # that it was built again
    with pytest.raises(KeyboardInterrupt):
        keep("f.json", _raises(KeyboardInterrupt))
    monkeypatch.setattr(stored, "write_whole", _only_records(write_whole))
    with pytest.raises(KeyboardInterrupt):  # the same once more
        keep("f.json", lambda: 333)
    monkeypatch.undo()
    assert (folder / "f.json").read_bytes() == old
    assert keep("f.json") == 1
    capsys.readouterr()
    assert keep("f.json", lambda: 22) == 22
    assert "not what was saved" not in capsys.readouterr().err


def test_without_build_what_is_missing_is_named_with_what_to_do(keep: Keep) -> None:
    with pytest.raises(UserError, match=r"make it with project\.checkpoint\('f\.json', build\)"):
        keep("f.json")
    keep("features.json", lambda: 1)
    with pytest.raises(UserError, match=r"did you mean features\.json"):
        keep("feature.json")


def test_a_file_of_a_person_is_loaded_with_a_note_and_not_replaced(
    keep: Keep, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "mine.json").write_text("5")
    assert keep("mine.json", lambda: 6) == 5
    assert "mine.json has no record" in capsys.readouterr().err
    (folder / "bad.json").write_text("{")
    with pytest.raises(UserError, match=r"bad\.json cannot be loaded \(JSONDecodeError"):
        keep("bad.json", lambda: 6)


class Boom:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> Any:
        return (exec, ("raise SystemExit('code ran')",))


def test_a_pickle_is_loaded_only_if_asked_for_and_saved_by_oneself(
    keep: Keep, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError, match="pickle=True"):
        keep("m.pkl", lambda: {1})
    for name in ("m.pkl", "m.joblib"):
        if name == "m.joblib":
            pytest.importorskip("joblib")
        assert keep(name, lambda: {1}, pickle=True) == {1}
        assert keep(name, lambda: {1}, pickle=True) == {1}
        assert f"{name} is a pickle, which runs code as it loads" in capsys.readouterr().err
    (folder / "theirs.pkl").write_bytes(pickle.dumps(Boom()))
    with pytest.raises(UserError, match="a pickle without a record"):
        keep("theirs.pkl", pickle=True)
    ben = folder.parent / "ben"
    ben.mkdir()
    checkpoint(Owner(ben, folder.parent.parent, "ben"), "b.pkl", lambda: {2}, pickle=True)
    for part in ("b.pkl", "b.pkl.saved.json"):  # as a copy in Drive's page
        shutil.copy(ben / part, folder / part)
    with pytest.raises(UserError, match="a pickle that ben saved"):
        keep("b.pkl", pickle=True)
    assert keep("b.pkl", lambda: {3}, pickle=True) == {3}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("f.parquet", pd.DataFrame({0: [1]}), "column 0 of the frame is not text"),
        ("f.csv", FRAME.set_index("b"), r"the frame has an index.*reset_index"),
        ("f.parquet", [1], "the value is a list, not a pandas data frame"),
        ("f.json", {"a": [1.0, float("nan")]}, r"the value\['a'\]\[1\] is nan"),
        ("f.json", {"a": {1: 2}}, r"the value\['a'\] has the key 1"),
        ("f.json", {"a": {"f": lambda: 1}}, r"the value\['a'\]\['f'\] is a lambda"),
        ("f.json", {"a": ARRAY}, r"the value\['a'\] is of type numpy\.ndarray"),
        ("f.npy", [object()], "not an array of numbers"),
        ("f.npz", {"a": np.array([object()])}, "array of Python objects"),
        ("f.txt", 3, "the value is a int, not text"),
    ],
)
def test_a_value_that_its_format_would_change_is_refused_with_its_place(
    keep: Keep, folder: Path, name: str, value: Any, message: str
) -> None:
    with pytest.raises(UserError, match=message) as refusal:
        keep(name, lambda: value)
    assert str(refusal.value).startswith(name)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../x.json", "leaves the project"),
        ("/tmp/x.json", "is an absolute path"),
        ("f.parket", r"did you mean f\.parquet"),
        ("f", "end the name with / for a folder"),
        ("f.json.saved.json", "are for records"),
        ("F.json", r"f\.json is there"),
        ("link.json", "is a link, which is not followed"),
        ("dir/x.json", "leads out of the project"),
        ("pipe.json", "is not a file"),
        ("f.json/x.json", "Not a directory"),
        (5, "its name is not text"),
    ],
)
def test_a_name_that_is_unsafe_or_taken_is_refused(
    keep: Keep, folder: Path, tmp_path: Path, name: str, message: str
) -> None:
    keep("f.json", lambda: 1)
    (folder / "link.json").symlink_to(folder / "f.json")
    (folder / "dir").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.json")
    with pytest.raises(UserError, match=message):
        keep(name, lambda: pytest.fail("it was built"))


def test_a_value_in_place_of_build_is_refused(keep: Keep) -> None:
    with pytest.raises(UserError, match=r"build is a dict, not a function; .* without \(\)"):
        keep("f.json", {"a": 1})


def test_a_record_of_a_newer_colabctl_is_not_replaced(keep: Keep, folder: Path) -> None:
    keep("f.json", lambda: 1)
    record = json.loads((folder / "f.json.saved.json").read_text())
    (folder / "f.json.saved.json").write_text(json.dumps({**record, "format": 2}))
    with pytest.raises(UserError, match="written by a newer colabctl"):
        keep("f.json", lambda: 2)


def test_a_name_of_a_file_that_is_not_there_is_noted(
    keep: Keep, capsys: pytest.CaptureFixture[str]
) -> None:
    keep("f.json", lambda: 1, depends=["data/nope.csv", "sgd", "v1.5"])
    said = capsys.readouterr().err
    assert "depends names data/nope.csv, which is not a file here, so it counts as text" in said
    assert said.count("depends names") == 1


def test_a_file_that_someone_edited_is_kept_when_the_value_is_built_again(
    keep: Keep, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep("f.json", lambda: 1)
    (folder / "f.json").write_text("2")
    assert keep("f.json", lambda: 1) == 1
    [other] = folder.glob("f.other-*.json")
    assert other.read_text() == "2"
    assert f"what was there is kept as {other.name}" in capsys.readouterr().err
