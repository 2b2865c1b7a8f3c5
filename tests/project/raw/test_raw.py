"""Raw data stays unchanged, and verify proves it."""

import hashlib
import json
import os
import stat
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colabctl.errors import UserError
from colabctl.project.layout import Layout
from colabctl.project.raw import protect, verify
from tests.project.conftest import IS_ROOT, bound_by_permissions, everything


@pytest.fixture
def raw(project: Layout) -> Path:
    """Return the folder of raw data, with three files."""
    (project.raw / "2024").mkdir()
    (project.raw / "a.csv").write_bytes(b"a" * 10)
    (project.raw / "b.csv").write_bytes(b"b" * 20)
    (project.raw / "2024" / "c.csv").write_bytes(b"c" * 30)
    return project.raw


def overwrite(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


def test_the_manifest_is_next_to_the_data_and_lists_every_file(project: Layout, raw: Path) -> None:
    for file in raw.rglob("*.csv"):
        os.utime(file, ns=(1, 1_500_000_000_123_456_789))
    protect(project, raw)
    assert json.loads((project.data / "raw.manifest.json").read_bytes()) == {
        "format": 1,
        "sentinel": True,
        "files": {
            "2024/c.csv": {
                "size": 30,
                "sha256": hashlib.sha256(b"c" * 30).hexdigest(),
                "mtime_ns": 1_500_000_000_123_456_789,
            },
            "a.csv": {
                "size": 10,
                "sha256": hashlib.sha256(b"a" * 10).hexdigest(),
                "mtime_ns": 1_500_000_000_123_456_789,
            },
            "b.csv": {
                "size": 20,
                "sha256": hashlib.sha256(b"b" * 20).hexdigest(),
                "mtime_ns": 1_500_000_000_123_456_789,
            },
        },
    }


def test_protect_returns_the_recorded_files(project: Layout, raw: Path) -> None:
    done = protect(project, raw)
    assert (done.files, done.bytes) == (3, 60)
    assert done.added == ("2024/c.csv", "a.csv", "b.csv")
    assert done.accepted == done.missing == ()


def test_protected_files_are_marked_read_only(project: Layout, raw: Path) -> None:
    done = protect(project, raw)
    for path in (raw / "a.csv", raw / "2024" / "c.csv"):
        assert not path.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)
    # Root can write despite the permissions, and the report says so.
    assert done.writable == (done.added if IS_ROOT else ())


@pytest.mark.skipif(not IS_ROOT, reason="only root can create another user's file")
def test_a_file_that_stays_writable_is_reported_without_an_error(open_folder: Path) -> None:
    layout = Layout(open_folder / "churn")
    layout.raw.mkdir(parents=True)
    layout.data.chmod(0o777)
    shared = layout.raw / "shared.csv"
    shared.write_bytes(b"1")
    shared.chmod(0o666)  # another user's, so that only its owner may change the mode
    with bound_by_permissions():
        done = protect(layout, layout.raw)
    assert done.writable == ("shared.csv",)
    assert (done.foreign, done.is_marked) == ({"shared.csv": "root"}, False)
    assert verify(layout, layout.raw).clean


def test_unchanged_data_passes_verify(project: Layout, raw: Path) -> None:
    protect(project, raw)
    report = verify(project, raw)
    assert report.clean
    assert report.checked == 3


def test_a_changed_raw_file_is_named_by_verify(project: Layout, raw: Path) -> None:
    protect(project, raw)
    overwrite(raw / "a.csv", b"A" * 10)
    overwrite(raw / "b.csv", b"longer than before was")
    report = verify(project, raw)
    assert report.changed == ("a.csv", "b.csv")
    assert not report.clean


def test_a_missing_raw_file_is_named_by_verify(project: Layout, raw: Path) -> None:
    protect(project, raw)
    (raw / "2024" / "c.csv").unlink()
    report = verify(project, raw)
    assert report.missing == ("2024/c.csv",)
    assert not report.clean


def test_an_added_raw_file_is_named_by_verify(project: Layout, raw: Path) -> None:
    protect(project, raw)
    (raw / "a (1).csv").write_bytes(b"a copy that Drive made of a conflict")
    report = verify(project, raw)
    assert report.added == ("a (1).csv",)
    assert not report.clean


def test_verifying_writes_nothing(project: Layout, raw: Path) -> None:
    protect(project, raw)
    overwrite(raw / "a.csv", b"changed")
    (raw / "new.csv").write_bytes(b"new")
    before = everything(project.root)
    verify(project, raw)
    assert everything(project.root) == before


def test_files_of_file_managers_are_ignored(project: Layout, raw: Path) -> None:
    (raw / "desktop.ini").write_text("x")
    protect(project, raw)
    for name in (".DS_Store", "Thumbs.db", "2024/.DS_Store", "2024/Desktop.ini"):
        (raw / name).write_text("x")
    (raw / "desktop.ini").unlink()
    assert verify(project, raw).clean


def test_protecting_again_adds_only_new_files(project: Layout, raw: Path) -> None:
    protect(project, raw)
    before = project.manifest(project.raw).stat()
    assert protect(project, raw).added == ()
    after = project.manifest(project.raw).stat()  # reading it may change its time of access
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    (raw / "d.csv").write_bytes(b"d")
    assert protect(project, raw).added == ("d.csv",)
    assert verify(project, raw).clean


def test_a_changed_file_keeps_its_record_unless_accepted(project: Layout, raw: Path) -> None:
    protect(project, raw)
    overwrite(raw / "a.csv", b"changed")
    (raw / "new.csv").write_bytes(b"new")
    before = project.manifest(project.raw).read_bytes()
    with pytest.raises(UserError, match=r"a\.csv.*--accept-changes"):
        protect(project, raw)
    assert project.manifest(project.raw).read_bytes() == before
    done = protect(project, raw, accept_changes=True)
    assert (done.changed, done.accepted, done.added) == (("a.csv",), ("a.csv",), ("new.csv",))
    assert verify(project, raw).clean


def test_a_refusal_lists_a_few_names_on_one_line(project: Layout, raw: Path) -> None:
    names = [f"{number}\nth.csv" for number in range(8)]
    for name in names:
        (raw / name).write_bytes(b"1")
    protect(project, raw)
    for name in names:
        overwrite(raw / name, b"2")
    with pytest.raises(UserError, match=r"0\\nth\.csv.* and 3 more") as refusal:
        protect(project, raw)
    assert str(refusal.value).isprintable()


def test_a_missing_file_keeps_its_record_unless_accepted(project: Layout, raw: Path) -> None:
    protect(project, raw)
    (raw / "a.csv").unlink()
    assert protect(project, raw).missing == ("a.csv",)
    assert verify(project, raw).missing == ("a.csv",)
    done = protect(project, raw, accept_changes=True)
    assert (done.dropped, done.accepted, done.missing) == (("a.csv",), ("a.csv",), ())
    assert verify(project, raw).clean


def test_an_empty_folder_can_be_protected_and_shows_later_files(project: Layout) -> None:
    assert protect(project, project.raw).files == 0
    (project.raw / "a.csv").write_text("1")
    assert verify(project, project.raw).added == ("a.csv",)


def test_a_link_is_recorded_by_its_target_and_not_followed(
    project: Layout, raw: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "big.csv").write_bytes(b"1")
    (raw / "link.csv").symlink_to(outside / "big.csv")
    (raw / "folder").symlink_to(outside)
    mode = (outside / "big.csv").stat().st_mode
    assert protect(project, raw).files == 5
    assert (outside / "big.csv").stat().st_mode == mode
    overwrite(outside / "big.csv", b"2")
    assert verify(project, raw).clean
    (raw / "folder").unlink()
    (raw / "folder").symlink_to(tmp_path)
    assert verify(project, raw).changed == ("folder",)


def test_a_file_that_became_a_link_to_a_copy_has_changed(project: Layout, raw: Path) -> None:
    protect(project, raw)
    (raw / "a.csv").rename(project.interim / "a.csv")
    (raw / "a.csv").symlink_to(project.interim / "a.csv")
    assert verify(project, raw).changed == ("a.csv",)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_never_read(project: Layout, raw: Path) -> None:
    protect(project, raw)
    (raw / "a.csv").unlink()
    os.mkfifo(raw / "a.csv")
    report = verify(project, raw)
    assert (report.unreadable, report.missing, report.changed) == (("a.csv",), (), ())
    assert not report.clean
    with pytest.raises(UserError, match=r"cannot read a\.csv in data/raw"):
        protect(project, raw)


def test_files_in_a_folder_that_cannot_be_listed_are_not_reported(open_folder: Path) -> None:
    layout = Layout(open_folder / "churn")
    (layout.raw / "2024").mkdir(parents=True)
    for name in ("a.csv", "b.csv", "2024/c.csv"):
        (layout.raw / name).write_text(name)
    protect(layout, layout.raw)
    (layout.raw / "b.csv").chmod(0)
    (layout.raw / "2024").chmod(0)
    try:
        with bound_by_permissions():
            report = verify(layout, layout.raw)
    finally:
        (layout.raw / "2024").chmod(0o755)
    assert report.unreadable == ("2024", "b.csv")
    assert (report.missing, report.changed, report.checked) == ((), (), 1)


def test_a_name_with_combining_accents_is_the_same_name(project: Layout, raw: Path) -> None:
    (raw / unicodedata.normalize("NFC", "José.csv")).write_text("1")
    protect(project, raw)
    path = raw / unicodedata.normalize("NFC", "José.csv")
    path.rename(raw / unicodedata.normalize("NFD", "José.csv"))
    assert verify(project, raw).clean


@pytest.mark.skipif(os.name == "nt", reason="Windows names are Unicode")
def test_a_file_whose_name_is_not_unicode_can_be_protected(project: Layout, raw: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(raw) + b"/caf\xe9.csv")).write_text("1")
    except OSError:
        pytest.skip("this file system takes Unicode names only")
    assert "caf\N{REPLACEMENT CHARACTER}.csv" in protect(project, raw).added
    assert verify(project, raw).clean


def test_progress_is_reported_in_bytes_up_to_all_of_them(project: Layout, raw: Path) -> None:
    (raw / "large.bin").write_bytes(bytes(3_000_000))
    calls: list[tuple[int, int]] = []
    protect(project, raw, progress=lambda done, total: calls.append((done, total)))
    assert {total for _, total in calls} == {3_000_060}
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert calls[-1][0] == 3_000_060


def test_each_folder_has_its_own_manifest(project: Layout, raw: Path) -> None:
    labels = project.data / "labels"
    labels.mkdir()
    (labels / "l.csv").write_text("1")
    protect(project, raw)
    protect(project, labels)
    assert (project.data / "labels.manifest.json").exists()
    overwrite(labels / "l.csv", b"2")
    assert verify(project, labels).changed == ("l.csv",)
    assert verify(project, raw).clean


def test_a_folder_may_be_named_from_the_root(project: Layout, raw: Path) -> None:
    protect(project, Path("data/raw"))
    assert verify(project, raw).clean


def test_a_folder_may_be_named_through_a_link_to_the_project(
    project: Layout, raw: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(project.root)
    protect(project, tmp_path / "link" / "data" / "raw")
    assert verify(project, raw).clean


@pytest.mark.parametrize(
    ("folder", "fault"),
    [
        (".", "which must stay writable"),
        ("data", "data contains data/raw, which must stay writable"),
        ("sweeps", "colabctl itself writes in sweeps"),
        (".colabctl/members", "colabctl itself writes"),
        ("data/nowhere", "no folder data/nowhere"),
        ("data/../..", "not in the project"),
    ],
)
def test_a_folder_that_must_not_be_frozen_is_refused(
    project: Layout, folder: str, fault: str
) -> None:
    before = everything(project.root)
    with pytest.raises(UserError, match=fault):
        protect(project, project.root / folder)
    assert everything(project.root) == before


def test_a_part_of_protected_data_is_not_protected_twice(project: Layout, raw: Path) -> None:
    protect(project, raw)
    with pytest.raises(UserError, match="already protected as part of data/raw"):
        protect(project, raw / "2024")


def test_unprotected_data_comes_with_the_command_to_protect_it(project: Layout, raw: Path) -> None:
    with pytest.raises(UserError, match="colabctl protect data/raw"):
        verify(project, raw)


DIGEST = "0" * 64


@pytest.mark.parametrize(
    "content",
    [
        "",
        '{"format": 1, "files": {"a.csv"',
        "[]",
        '{"format": true, "files": {}}',
        '{"format": 1}',
        '{"format": 1, "files": []}',
        '{"format": 1, "files": {"a.csv": {"size": 1}}}',
        f'{{"format": 1, "files": {{"a.csv": {{"size": "1", "sha256": "{DIGEST}"}}}}}}',
        f'{{"format": 1, "files": {{"a.csv": {{"size": 1, "sha256": "{DIGEST[1:]}"}}}}}}',
        "[" * 100_000,
    ],
)
@pytest.mark.parametrize("command", [protect, verify])
def test_a_damaged_manifest_is_named_and_unchanged(
    project: Layout, raw: Path, content: str, command: Callable[[Layout, Path], object]
) -> None:
    project.manifest(project.raw).write_text(content)
    with pytest.raises(UserError, match=r"raw\.manifest\.json is damaged"):
        command(project, raw)
    assert project.manifest(project.raw).read_text() == content


@pytest.mark.parametrize("command", [protect, verify])
def test_a_newer_manifest_is_refused(
    project: Layout, raw: Path, command: Callable[[Layout, Path], object]
) -> None:
    project.manifest(project.raw).write_text('{"format": 2}')
    with pytest.raises(UserError, match=r"newer colabctl \(format 2,"):
        command(project, raw)


FILES = st.dictionaries(
    st.sampled_from(["a", "b", "c/d", "c/e", "f/g/h"]), st.binary(max_size=3), max_size=5
)


@given(before=FILES, after=FILES)
def test_verify_reports_exactly_how_each_file_changed(
    tmp_path_factory: pytest.TempPathFactory, before: dict[str, bytes], after: dict[str, bytes]
) -> None:
    layout = Layout(tmp_path_factory.mktemp("project"))
    layout.raw.mkdir(parents=True)
    for name, content in before.items():
        (layout.raw / name).parent.mkdir(parents=True, exist_ok=True)
        (layout.raw / name).write_bytes(content)
    protect(layout, layout.raw)
    for name in before:
        (layout.raw / name).unlink()
    for name, content in after.items():
        (layout.raw / name).parent.mkdir(parents=True, exist_ok=True)
        (layout.raw / name).write_bytes(content)
    report = verify(layout, layout.raw)
    both = before.keys() & after.keys()
    assert set(report.changed) == {name for name in both if before[name] != after[name]}
    assert set(report.missing) == before.keys() - after.keys()
    assert set(report.added) == after.keys() - before.keys()
    assert report.clean == (before == after)
    assert report.checked == len(both)
