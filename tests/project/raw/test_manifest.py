"""The manifest of raw data, and what is written next to it."""

import json
import os
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest

from colabctl.errors import UserError
from colabctl.project.layout import Layout
from colabctl.project.raw import (
    manifest,
    protect,
    verify,
)
from colabctl.project.raw.damage import sentences
from colabctl.project.raw.folders import protected_folders
from colabctl.project.raw.listing import SENTINEL
from tests.project.raw.files import write


def test_sha256sum_checks_the_files_without_colabctl(project: Layout, raw: Path) -> None:
    if shutil.which("sha256sum") is None:
        pytest.skip("there is no sha256sum")
    names = ["with space.csv", " lead", "new\nline", "back\\slash", "cr\rcr", "*star", "José"]
    names += [unicodedata.normalize("NFD", "ü.csv"), "-n"]
    for name in names:
        write(raw / name, name)
    (raw / "link.csv").symlink_to("a.csv")
    protect(project, raw)
    command = ["sha256sum", "-c", "--strict", "raw.SHA256SUMS"]
    ended = subprocess.run(command, cwd=raw.parent, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended
    assert ended.stdout.count(": OK\n") == 4 + len(names)
    write(raw / "back\\slash", "changed")
    assert subprocess.run(command, cwd=raw.parent, capture_output=True, check=False).returncode == 1
    assert verify(project, raw).disputed == ()


@pytest.mark.skipif(os.name == "nt", reason="Windows names are Unicode")
def test_sha256sums_has_the_bytes_of_a_name_that_is_not_unicode(project: Layout, raw: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(raw) + b"/caf\xe9.csv")).write_text("1")
    except OSError:
        pytest.skip("this file system takes Unicode names only")
    protect(project, raw)
    assert b"  raw/caf\xe9.csv\n" in project.sums(raw).read_bytes()
    assert verify(project, raw).clean


def test_a_notice_for_people_is_next_to_the_folder_and_not_in_it(
    project: Layout, raw: Path
) -> None:
    text = (raw.parent / "raw.READ-ONLY.txt").read_text()
    assert "do not change" in text
    assert "sha256sum -c raw.SHA256SUMS" in text
    assert [path.name for path in sorted(raw.glob("*"))] == [SENTINEL, "2024", "a.csv", "b.csv"]


def test_a_manifest_that_was_edited_by_hand_differs_from_the_sums(
    project: Layout, raw: Path
) -> None:
    path = project.manifest(raw)
    tree = json.loads(path.read_bytes())
    tree["files"]["a.csv"]["sha256"] = "0" * 64
    del tree["files"]["b.csv"]
    path.write_text(json.dumps(tree))
    check = verify(project, raw)
    assert (check.disputed, check.changed, check.added) == (
        ("a.csv", "b.csv"),
        ("a.csv",),
        ("b.csv",),
    )


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "a/../../x", "", ".", "a//b", "a/./b", "x\0y"]
)
def test_a_manifest_whose_names_lead_out_of_the_folder_is_refused(
    project: Layout, raw: Path, name: str
) -> None:
    entry = {"size": 1, "sha256": "0" * 64}
    project.manifest(raw).write_text(json.dumps({"format": 1, "files": {name: entry}}))
    with pytest.raises(UserError, match=r"raw\.manifest\.json is damaged .* leads out"):
        manifest.read(project.manifest(raw))


def test_a_second_manifest_is_named_and_nothing_is_recorded(project: Layout, raw: Path) -> None:
    copy = project.manifest(raw).with_name("raw.manifest (1).json")
    copy.write_bytes(project.manifest(raw).read_bytes())
    assert verify(project, raw).clean  # it says the same
    copy.write_text('{"format": 1, "files": {}}')
    assert verify(project, raw).copies == (copy,)
    write(raw / "e.csv", "1")
    with pytest.raises(UserError, match=r"raw\.manifest \(1\)\.json is a second manifest"):
        protect(project, raw)
    copy.unlink()
    assert protect(project, raw).added == ("e.csv",)


def test_a_raw_folder_behind_a_link_out_of_the_project_is_refused(
    project: Layout, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    shutil.rmtree(project.raw)
    project.raw.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="--follow-links"):
        protect(project, project.raw)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_all_protected_folders_are_known(project: Layout, raw: Path) -> None:
    for name in ("labels", "data/more/deep"):
        write(project.root / name / "x.csv", "1")
        protect(project, project.root / name)
    names = {project.relative(folder) for folder in protected_folders(project)}
    assert names == {"data/raw", "labels", "data/more/deep"}


def test_damage_is_one_sentence_with_names_and_commands(project: Layout, raw: Path) -> None:
    assert sentences(project, ["data/raw", "labels"]) == []
    write(raw / "a.csv", "changed")
    (raw / "b.csv").unlink()
    [sentence] = sentences(project, ["data/raw"])
    for part in ("changed: a.csv", "missing: b.csv", "colabctl verify data/raw",
                 "colabctl restore data/raw", "--accept-changes"):  # fmt: skip
        assert part in sentence
