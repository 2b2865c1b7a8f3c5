"""`init --adopt` uses folders that are there, and suggests those that look like it."""

import os
from pathlib import Path

import pytest

from colabctl.errors import UserError
from colabctl.project.adopt import adopted, suggestions
from colabctl.project.config import load
from colabctl.project.create import create
from tests.project.conftest import everything


def folder(root: Path, *names: str) -> Path:
    """Create files, and folders for names that end with a slash."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(exist_ok=True) if name.endswith("/") else path.write_text("x")
    return root


@pytest.mark.parametrize(
    ("there", "suggested"),
    [
        ((), []),
        (("notes.txt", "src/main.py"), []),
        (("nbs/a.ipynb",), ["notebooks=nbs"]),
        (("Colab Notebooks/a.ipynb",), ["notebooks=Colab Notebooks"]),
        (("nb/readme.md",), []),
        (("notebooks/a.ipynb", "nbs/b.ipynb"), []),
        (("Notebooks/deep/a.ipynb",), ["notebooks=Notebooks"]),
        (("models/net.pt",), ["checkpoints=models"]),
        (("models/net.py",), []),
        (("output/a.csv", "ckpts/"), ["results=output", "checkpoints=ckpts"]),
        (("dataset/a.csv",), ["raw=dataset"]),
        (("data/a.csv",), ["raw=data"]),
        (("data/train/a.csv",), ["raw=data"]),
        (("Data/a.csv",), ["raw=Data"]),
        (("data/raw/a.csv", "data/processed/"), []),
        (("data/Raw/a.csv",), ["raw=data/Raw"]),
        (("data/original/a.csv", "data/clean/b.csv"), ["raw=data/original", "processed=data/clean"]),
        (("datasets/raw/a.csv",), ["data=datasets"]),
        (("raw_data/a.csv",), ["raw=raw_data"]),
    ],
)  # fmt: skip
def test_what_looks_like_a_folder_of_a_project_is_suggested(
    tmp_path: Path, there: tuple[str, ...], suggested: list[str]
) -> None:
    assert suggestions(folder(tmp_path, *there)) == suggested


@pytest.mark.parametrize(
    "there",
    [
        ("nbs/a.ipynb", "dataset/a.csv", "models/net.pt", "out/x"),
        ("data/a.csv", "data/deep/b.csv"),
        ("Data/a.csv", "Notebooks/a.ipynb"),
        ("data/original/a.csv", "data/clean/b.csv"),
    ],
)
def test_a_project_can_be_created_from_its_own_suggestions(
    tmp_path: Path, there: tuple[str, ...]
) -> None:
    before = everything(folder(tmp_path, *there))
    choices = suggestions(tmp_path)
    create(tmp_path, members=["ana"], paths=adopted(tmp_path, choices))
    after = everything(tmp_path)
    assert {name: after[name] for name in before} == before
    paths = load(tmp_path, {}).paths
    for choice in choices:
        key, _, name = choice.partition("=")
        assert getattr(paths, key) == name


def test_adopted_folders_are_read_only_raw_data_and_hold_the_members_folders(
    tmp_path: Path,
) -> None:
    folder(tmp_path, "nbs/a.ipynb", "dataset/a.csv")
    create(tmp_path, members=["ana"], paths=adopted(tmp_path, ["notebooks=nbs", "raw=dataset"]))
    config = load(tmp_path, {})
    assert config.read_only == ("dataset",)
    assert config.layout.start_notebook("ana") == tmp_path / "nbs/ana/start.ipynb"
    assert config.layout.start_notebook("ana").is_file()


@pytest.mark.parametrize(
    ("choices", "reason"),
    [
        (["nbs"], "such as notebooks=nbs"),
        (["sweeps=nbs"], "the keys are"),
        (["notebooks="], "the project's folder itself"),
        (["notebooks=."], "the project's folder itself"),
        (["notebooks=../x"], "is not in"),
        (["notebooks=nope"], "no folder nope .* nbs"),
        (["notebooks=nbs/nope"], "no folder nope"),
        (["notebooks=NBS"], "the folder is called nbs; write notebooks=nbs"),
        (["notebooks=nbs", "notebooks=nbs"], "given twice"),
        (["notebooks=nbs", "results=nbs"], "keep them apart"),
    ],
)
def test_a_choice_that_cannot_be_is_refused(
    tmp_path: Path, choices: list[str], reason: str
) -> None:
    with pytest.raises(UserError, match=reason):
        adopted(folder(tmp_path, "nbs/a.ipynb"), choices)


def test_no_folder_is_created_that_only_case_tells_from_another(tmp_path: Path) -> None:
    folder(tmp_path, "Results/a.csv")
    with pytest.raises(UserError, match="--adopt results=Results"):
        create(tmp_path, members=["ana"])
    assert set(everything(tmp_path)) == {"Results", "Results/a.csv"}


def test_an_existing_project_says_what_to_write_instead(tmp_path: Path) -> None:
    create(tmp_path, members=["ana"])
    folder(tmp_path, "nbs/a.ipynb")
    before = everything(tmp_path)
    with pytest.raises(UserError, match=r"paths: \{notebooks: nbs\}"):
        create(tmp_path, paths=adopted(tmp_path, ["notebooks=nbs"]))
    assert everything(tmp_path) == before


@pytest.mark.skipif(os.name != "posix", reason="needs groups")
def test_the_group_of_the_project_may_also_write_in_adopted_folders(tmp_path: Path) -> None:
    root = tmp_path / "churn"
    (root / "nbs/old").mkdir(parents=True, mode=0o755)
    (root / "nbs").chmod(0o755)
    (root / "nbs/old").chmod(0o755)
    root.chmod(0o2770)
    changes = create(root, members=["ben"], paths={"notebooks": "nbs"})
    assert changes.shared == (root / "nbs",)
    assert (root / "nbs").stat().st_mode & 0o7777 == 0o2775
    assert (root / "nbs/ben").stat().st_mode & 0o2070 == 0o2070
    assert (root / "nbs/old").stat().st_mode & 0o7777 == 0o755  # what is in it stays as it is
    assert create(root).shared == ()


def test_where_the_folder_is_not_a_groups_adopted_folders_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "nbs").mkdir(mode=0o700)
    tmp_path.chmod(0o700)
    assert create(tmp_path, members=["ben"], paths={"notebooks": "nbs"}).shared == ()
    assert (tmp_path / "nbs").stat().st_mode & 0o7777 == 0o700
