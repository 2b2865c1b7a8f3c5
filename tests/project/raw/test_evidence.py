"""Changed raw data is not recorded unasked, whatever has become of the manifest."""

import json
import os
from pathlib import Path

import pytest

from colabctl.errors import UserError
from colabctl.project.layout import Layout
from colabctl.project.raw import is_protected, protect, verify


@pytest.fixture
def raw(project: Layout) -> Path:
    """Return the protected folder of raw data, with two files."""
    for name in ("a.csv", "b.csv"):
        (project.raw / name).write_text(f"the original of {name}\n")
        os.utime(project.raw / name, ns=(1, 1_500_000_000_123_456_789))
    protect(project, project.raw)
    return project.raw


def overwrite(file: Path) -> None:
    file.chmod(0o644)
    file.write_text("something else")


def test_without_a_manifest_changed_data_is_compared_with_sha256sums(
    project: Layout, raw: Path
) -> None:
    sums = project.sums(raw).read_bytes()
    project.manifest(raw).unlink()
    overwrite(raw / "a.csv")
    with pytest.raises(UserError, match=r"was protected: a.csv; data/raw.manifest.json is gone"):
        protect(project, raw)
    assert project.sums(raw).read_bytes() == sums
    assert not project.manifest(raw).exists()
    assert protect(project, raw, accept_changes=True).changed == ("a.csv",)
    assert verify(project, raw).clean


def test_without_a_manifest_unchanged_data_gets_one_again(project: Layout, raw: Path) -> None:
    before = project.manifest(raw).read_bytes()
    project.manifest(raw).unlink()
    assert is_protected(project, raw)
    with pytest.raises(UserError, match=r"SHA256SUMS is there.*writes the manifest again"):
        verify(project, raw)
    protect(project, raw)
    assert project.manifest(raw).read_bytes() == before


def test_a_file_that_only_sha256sums_lists_is_not_forgotten(project: Layout, raw: Path) -> None:
    project.manifest(raw).unlink()
    (raw / "b.csv").unlink()
    with pytest.raises(UserError, match=r"not there, but listed in data/raw.SHA256SUMS: b.csv"):
        protect(project, raw)
    assert protect(project, raw, accept_changes=True).dropped == ("b.csv",)


def test_without_both_this_machine_remembers_what_it_has_read(project: Layout, raw: Path) -> None:
    project.manifest(raw).unlink()
    project.sums(raw).unlink()
    overwrite(raw / "a.csv")
    with pytest.raises(UserError, match=r"was protected: a.csv"):
        protect(project, raw)


def test_an_edited_manifest_does_not_win_over_sha256sums(project: Layout, raw: Path) -> None:
    manifest = project.manifest(raw)
    tree = json.loads(manifest.read_bytes())
    tree["files"]["a.csv"]["sha256"] = "0" * 64
    manifest.write_text(json.dumps(tree))
    sums = project.sums(raw).read_bytes()
    assert verify(project, raw).disputed == ("a.csv",)
    with pytest.raises(UserError, match=r"was protected: a.csv"):
        protect(project, raw)
    assert project.sums(raw).read_bytes() == sums


def test_changed_data_with_a_fitting_manifest_is_named(project: Layout, raw: Path) -> None:
    sums = project.sums(raw).read_bytes()
    overwrite(raw / "a.csv")
    protect(project, raw, accept_changes=True)
    project.sums(raw).write_bytes(sums)
    with pytest.raises(UserError, match=r"another checksum than the manifest for a.csv"):
        protect(project, raw)
    assert project.sums(raw).read_bytes() == sums


def test_a_folder_or_a_pipe_in_the_place_of_the_manifest_is_named(
    project: Layout, raw: Path
) -> None:
    manifest = project.manifest(raw)
    for make in (Path.mkdir, os.mkfifo):
        if manifest.is_dir():
            manifest.rmdir()
        else:
            manifest.unlink()
        make(manifest)
        assert is_protected(project, raw)
        for act in (protect, verify):
            with pytest.raises(UserError, match=r"manifest.json is not a file; move it away"):
                act(project, raw)
