"""Creating a project's folder."""

from pathlib import Path

import pytest

from colabctl.errors import UserError
from colabctl.project.config import load
from colabctl.project.create import create
from colabctl.project.members import members
from tests.project.conftest import bound_by_permissions, everything


def test_a_new_project_has_all_folders_and_those_of_each_member(tmp_path: Path) -> None:
    root = tmp_path / "churn"
    create(root, "churn", "ana", ["ana", "ben"])
    pieces = everything(root)
    assert {name for name, content in pieces.items() if content is None} == {
        ".colabctl",
        ".colabctl/members",
        ".colabctl/archive",
        ".colabctl/probes",
        "checkpoints",
        "checkpoints/ana",
        "checkpoints/ben",
        "data",
        "data/interim",
        "data/processed",
        "data/raw",
        "notebooks",
        "notebooks/ana",
        "notebooks/ben",
        "notebooks/workers",
        "results",
        "results/ana",
        "results/ben",
        "results/final",
        "sweeps",
    }
    assert {name for name, content in pieces.items() if content is not None} == {
        "colabctl.yaml",
        "notebooks/ana/start.ipynb",
        "notebooks/ben/start.ipynb",
    }


def test_new_and_existing_paths_are_returned(tmp_path: Path) -> None:
    root = tmp_path / "churn"
    created = create(root, "churn", "ana", ["ana"])
    assert {root, *root.rglob("*")} == set(created.new)
    assert created.existing == ()


def test_the_configuration_comes_last_so_an_interrupted_project_is_not_one(tmp_path: Path) -> None:
    created = create(tmp_path / "churn", "churn", "ana", ["ana"])
    assert created.new[-1] == tmp_path / "churn" / "colabctl.yaml"


def test_the_configuration_has_the_chosen_names(tmp_path: Path) -> None:
    create(tmp_path / "churn", "Churn, 2nd try", "Zoë", ["ana", "ben"])
    config = load(tmp_path / "churn", {})
    assert (config.name, config.owner, config.members) == ("Churn, 2nd try", "Zoë", ("ana", "ben"))


def test_a_project_is_named_after_its_folder_by_default(tmp_path: Path) -> None:
    create(tmp_path / "churn")
    assert load(tmp_path / "churn", {}).name == "churn"


def test_creating_a_project_again_changes_nothing(tmp_path: Path) -> None:
    root = tmp_path / "churn"
    first = create(root, "churn", "ana", ["ana"])
    (root / "notebooks/ana/start.ipynb").write_text("mine now")
    before = everything(root)
    again = create(root, "another name", "ben", ["ANA"])
    assert everything(root) == before
    assert again.new == ()
    assert set(again.existing) == set(first.new)


def test_a_folder_with_files_becomes_a_project_and_keeps_them(tmp_path: Path) -> None:
    root = tmp_path / "churn"
    (root / "data/raw").mkdir(parents=True)
    (root / "data/raw/a.csv").write_text("1")
    created = create(root, "churn", "ana", [])
    assert (root / "data/raw/a.csv").read_text() == "1"
    assert {root, root / "data", root / "data/raw"} == set(created.existing)


def test_creating_a_project_again_adds_missing_folders_and_new_members(tmp_path: Path) -> None:
    root = tmp_path / "churn"
    create(root, "churn", "ana", ["ana"])
    configuration = (root / "colabctl.yaml").read_bytes()
    (root / "data/interim").rmdir()
    (root / "results/ana").rmdir()
    created = create(root, "churn", "ana", ["ana", "ben"])
    assert {root / "data/interim", root / "results/ana", root / "results/ben"} <= set(created.new)
    assert (root / "colabctl.yaml").read_bytes() == configuration
    config = load(root, {})
    assert members(config.layout, config) == ("ana", "ben")


def test_creating_a_project_again_uses_moved_folders(tmp_path: Path) -> None:
    root = tmp_path / "churn"
    root.mkdir()
    (root / "colabctl.yaml").write_text("paths: {data: inputs}\n")
    create(root)
    assert (root / "inputs/raw").is_dir()
    assert not (root / "data").exists()


@pytest.mark.parametrize(
    ("name", "owner", "member"),
    [
        ("two\nlines", "ana", "ana"),
        ("churn", "an\x00a", "ana"),
        ("churn", "ana", "a/b"),
        ("churn", "ana", "final"),
        ("churn", "ana", ".."),
    ],
)
def test_nothing_is_created_for_an_invalid_name(
    tmp_path: Path, name: str, owner: str, member: str
) -> None:
    with pytest.raises(UserError):
        create(tmp_path / "churn", name, owner, ["ben", member])
    assert everything(tmp_path) == {}


@pytest.mark.parametrize("in_the_way", ["data", "results/final", "notebooks/ana"])
def test_nothing_is_created_if_a_file_is_in_the_way(tmp_path: Path, in_the_way: str) -> None:
    root = tmp_path / "churn"
    (root / in_the_way).parent.mkdir(parents=True)
    (root / in_the_way).write_text("mine")
    before = everything(root)
    with pytest.raises(UserError, match=f"{in_the_way} is a file, but must be a folder"):
        create(root, "churn", "ana", ["ana"])
    assert everything(root) == before


def test_nothing_is_created_if_a_folder_has_the_name_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "churn/colabctl.yaml").mkdir(parents=True)
    with pytest.raises(UserError, match=r"colabctl\.yaml is a folder, but must be a file"):
        create(tmp_path / "churn", "churn", "ana", [])
    assert everything(tmp_path) == {"churn": None, "churn/colabctl.yaml": None}


def test_a_project_cannot_be_created_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "churn").write_text("")
    with pytest.raises(UserError, match="churn is a file, but must be a folder"):
        create(tmp_path / "churn" / "deeper", "churn", "ana", [])


def test_a_project_cannot_be_created_inside_another(tmp_path: Path) -> None:
    create(tmp_path / "churn", "churn", "ana", ["ana"])
    before = everything(tmp_path)
    with pytest.raises(UserError, match="is inside the project"):
        create(tmp_path / "churn/notebooks/ana", "mine", "ana", ["ana"])
    assert everything(tmp_path) == before


def test_nothing_is_added_to_a_project_of_a_newer_format(tmp_path: Path) -> None:
    (tmp_path / "colabctl.yaml").write_text("format: 2\n")
    with pytest.raises(UserError, match="newer colabctl"):
        create(tmp_path, "churn", "ana", ["ana"])
    assert list(everything(tmp_path)) == ["colabctl.yaml"]


def test_a_folder_that_cannot_be_written_is_named(open_folder: Path) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o555)
    with bound_by_permissions(), pytest.raises(UserError) as refusal:
        create(closed / "churn", "churn", "ana", ["ana"])
    # The fix depends on who owns the folder: this user, or root.
    assert str(refusal.value).startswith(f"cannot create {closed}/churn: Permission denied; ")
    assert everything(closed) == {}
