"""Names of what programs leave behind, and of copies, are recognised."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colabctl.sharedfs.droppings import is_dropping, original_of


@pytest.mark.parametrize(
    "name",
    [
        *(".DS_Store", "._train.py", "Icon\r", "desktop.ini", "Desktop.ini", "Thumbs.db"),
        *(".nfs000000000012ab34", "~$notes.docx", ".~lock.table.ods#", ".train.py.swp", ".x.swo"),
        *("train.py~", "#train.py#", ".#train.py", "__pycache__", "t.cpython-311.pyc"),
        *(".ipynb_checkpoints", "notes.gdoc", "data.gsheet", ".fuse_hidden0000001200000001"),
        *(".Trash-1000", ".dropbox", ".localized", "@eaDir"),
    ],
)
def test_droppings(name: str) -> None:
    assert is_dropping(name)


@pytest.mark.parametrize(
    "name",
    [
        *("train.py", "t (1).py", "Copy of t.py", ".env", ".gitignore", "00000.jsonl", "plan.json"),
        *("events.jsonl", "swp", ".swp", "x.conflict", "~", "icon", "nfs0", "notes.txt", "a#b"),
        "ana-vm-20260101T000000-abc123",
    ],
)
def test_what_people_and_colabctl_write_are_no_droppings(name: str) -> None:
    assert not is_dropping(name)


@pytest.mark.parametrize(
    ("name", "original"),
    [
        ("t (1).py", "t.py"),
        ("t (12).py", "t.py"),
        ("plan (1).json", "plan.json"),
        ("plan (conflicted copy 2026-01-01).json", "plan.json"),
        ("plan (Ana's conflicted copy).json", "plan.json"),
        ("s (1)", "s"),
        ("Copy of t.py", "t.py"),
        ("Kopie von t.py", "t.py"),
        ("t - Copy.py", "t.py"),
        ("t - Copy (2).py", "t.py"),
        ("t copy.py", "t.py"),
        ("t copy 2.py", "t.py"),
        ("t.py.conflict", "t.py"),
        ("t.py.orig", "t.py"),
        ("t.sync-conflict-20260101-120000-ABCDEF.py", "t.py"),
        ("t - Kopie (2).py", "t.py"),
        ("t Kopie 2.py", "t.py"),
        ("t - Copie.py", "t.py"),
        ("t-Copy1.ipynb", "t.ipynb"),
        ("my notebook [v2]-Copy12.ipynb", "my notebook [v2].ipynb"),
        ("Copia di t.py", "t.py"),
        ("Cópia de t.py", "t.py"),
        ("t (In Konflikt stehende Kopie von Ana 2026-01-01).py", "t.py"),
        ("t (SFConflict ana@lab.org 2026-01-01-11-30-28).py", "t.py"),
        ("t.conflict1.ipynb", "t.ipynb"),
        ("t-DESKTOP-4AB2C3D.ipynb", "t.ipynb"),
        ("t-LAPTOP-4AB2C3D-2.ipynb", "t.ipynb"),
        ("t_conflict-20260101-120000.py", "t.py"),
        ("t_nas_May-02-1430-2026_Conflict.py", "t.py"),
    ],
)
def test_a_copy_has_an_original(name: str, original: str) -> None:
    assert original_of(name) == original


@pytest.mark.parametrize(
    "name",
    [
        *("t.py", "t(1).py", "sweep-2", "conflict.py", "a (b).py", "first-Copy1", "copy.py"),
        *("ana-desktop-20260101T000000-abc123", "my-laptop-model.py", "Photocopy 2.py"),
    ],
)
def test_other_names_have_none(name: str) -> None:
    assert original_of(name) is None


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_every_name_is_judged(name: str) -> None:
    is_dropping(name)
    assert original_of(name) != name
