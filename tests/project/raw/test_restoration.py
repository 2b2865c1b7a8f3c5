"""Raw data comes back from a second place, and only as it was recorded."""

import hashlib
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from colabctl.errors import UserError
from colabctl.project.layout import Layout
from colabctl.project.raw import protect, verify
from colabctl.project.raw.restoration import Restoration, check_apart, restore
from tests.project.conftest import everything

NAMES = ("a.csv", "2024/c.csv")


@pytest.fixture
def raw(project: Layout) -> Path:
    """Return the protected folder of raw data, with three files."""
    for name in (*NAMES, "b.csv"):
        file = project.raw / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"the original of {name}\n")
        os.utime(file, ns=(1, 1_500_000_000_123_456_789))
    protect(project, project.raw)
    return project.raw


def as_folder(start: str, top: Path) -> str:
    for name in NAMES:
        file = top / start / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"the original of {name}\n")
    return str(top)


def as_zip(start: str, top: Path) -> str:
    top.mkdir()
    with zipfile.ZipFile(top / "raw.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in NAMES:
            archive.writestr(start + name, f"the original of {name}\n")
    return str(top / "raw.zip")


def as_url(start: str, top: Path) -> str:
    return f"file://{as_folder(start, top)}"


def as_url_of_zip(start: str, top: Path) -> str:
    return f"file://{as_zip(start, top)}"


def damage(raw: Path) -> None:
    (raw / "a.csv").chmod(0o644)
    (raw / "a.csv").write_text("overwritten")
    (raw / "2024/c.csv").unlink()
    (raw / "2024").rmdir()


def brought_back(project: Layout, place: str) -> Restoration:
    check = verify(project, project.raw)
    return restore(project, project.raw, place, [*check.changed, *check.missing])


@pytest.mark.parametrize("copy", [as_folder, as_zip, as_url, as_url_of_zip])
@pytest.mark.parametrize("start", ["", "raw/", "data/raw/"])
def test_changed_and_missing_files_come_back_from_a_copy_of_the_folder_or_of_the_project(
    project: Layout, raw: Path, tmp_path: Path, copy: Callable[[str, Path], str], start: str
) -> None:
    place = copy(start, tmp_path / "copy")
    times = {name: (raw / name).stat().st_mtime_ns for name in NAMES}
    damage(raw)
    done = brought_back(project, place)
    assert done.restored == ("2024/c.csv", "a.csv")
    assert (done.bad, done.absent, done.failed) == ((), (), {})
    check = verify(project, raw)
    assert check.clean
    for name in NAMES:
        assert (raw / name).read_text() == f"the original of {name}\n"
        assert (raw / name).stat().st_mode & 0o222 == 0
        assert (raw / name).stat().st_mtime_ns == times[name]


def test_the_file_that_was_in_the_place_is_kept_and_does_not_count_as_added(
    project: Layout, raw: Path, tmp_path: Path
) -> None:
    place = as_folder("", tmp_path / "copy")
    digest = hashlib.sha256(b"overwritten").hexdigest()[:8]
    for suffix in ("", "-2"):
        damage(raw)
        aside = f"a.csv.bad-{digest}{suffix}"
        assert brought_back(project, place).replaced == {"a.csv": aside}
        assert (raw / aside).read_text() == "overwritten"
    assert verify(project, raw).clean
    assert protect(project, raw).added == ()


def test_a_copy_that_is_bad_too_is_refused_by_name_and_the_others_come_back(
    project: Layout, raw: Path, tmp_path: Path
) -> None:
    place = Path(as_folder("", tmp_path / "copy"))
    (place / "a.csv").write_text("also overwritten, longer than the original was")
    damage(raw)
    before = {name: data for name, data in everything(raw).items() if "c.csv" not in name}
    done = brought_back(project, str(place))
    assert (done.bad, done.restored, done.absent) == (("a.csv",), ("2024/c.csv",), ())
    after = everything(raw)
    assert {name: after[name] for name in before} == before
    assert set(after) == {*before, "2024", "2024/c.csv"}


def test_a_file_without_a_copy_is_named(project: Layout, raw: Path, tmp_path: Path) -> None:
    (raw / "b.csv").unlink()
    done = brought_back(project, as_folder("", tmp_path / "copy"))
    assert (done.absent, done.restored, done.bad) == (("b.csv",), (), ())


def hostile_zip(file: Path, *, link: str = "", bomb: int = 0) -> str:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("../a.csv", "../../outside.csv", "/outside.csv", "c:\\outside.csv"):
            archive.writestr(name, "out")
        if link:
            entry = zipfile.ZipInfo("a.csv")
            entry.external_attr = 0o120777 << 16
            archive.writestr(entry, link)
        if bomb:
            archive.writestr("a.csv", bytes(bomb))
    return str(file)


def test_entries_of_a_zip_that_lead_elsewhere_are_never_unpacked(
    project: Layout, raw: Path, tmp_path: Path
) -> None:
    damage(raw)
    outside = set(everything(tmp_path))
    place = hostile_zip(tmp_path / "raw.zip", link="/etc/passwd")
    done = brought_back(project, place)
    assert done.restored == ()
    assert "is a link" in done.failed["a.csv"]
    assert set(everything(tmp_path)) - outside <= {"raw.zip", "churn/data/raw/2024"}


def test_a_zip_bomb_is_read_only_as_far_as_the_recorded_size(
    project: Layout, raw: Path, tmp_path: Path
) -> None:
    damage(raw)
    sizes: list[int] = []
    place = hostile_zip(tmp_path / "raw.zip", bomb=300_000_000)
    done = restore(project, raw, place, ["a.csv"], progress=lambda size, total: sizes.append(size))
    assert done.bad == ("a.csv",)
    assert max(sizes) <= 30


def test_a_damaged_zip_and_a_place_that_is_not_there_are_named(
    project: Layout, raw: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.zip").write_text("not a zip")
    for place, fault in [
        (str(tmp_path / "text.zip"), "neither a folder nor a zip file"),
        (str(tmp_path / "gone"), "does not exist on this machine"),
        ("nowhere-protocol://x/y", "cannot open the copy nowhere-protocol://x/y"),
    ]:
        with pytest.raises(UserError, match=fault):
            restore(project, raw, place, ["a.csv"])


def test_a_zip_with_a_damaged_entry_names_the_file(
    project: Layout, raw: Path, tmp_path: Path
) -> None:
    place = Path(as_zip("", tmp_path / "copy"))
    data = bytearray(place.read_bytes())
    start = data.index(b"a.csv") + len("a.csv")
    data[start : start + 8] = b"\xff" * 8
    place.write_bytes(data)
    damage(raw)
    done = brought_back(project, str(place))
    assert "a.csv" in done.failed
    assert done.restored == ("2024/c.csv",)


def test_nothing_is_written_through_a_link_that_took_the_place_of_a_folder(
    project: Layout, raw: Path, tmp_path: Path
) -> None:
    place = as_folder("", tmp_path / "copy")
    damage(raw)
    (tmp_path / "elsewhere").mkdir()
    (raw / "2024").symlink_to(tmp_path / "elsewhere")
    done = brought_back(project, place)
    assert "behind a link" in done.failed["2024/c.csv"]
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_link_in_the_second_place_does_not_lead_out_of_it(
    project: Layout, raw: Path, tmp_path: Path
) -> None:
    place = Path(as_folder("", tmp_path / "copy"))
    (place / "a.csv").rename(tmp_path / "private.csv")
    (place / "a.csv").symlink_to(tmp_path / "private.csv")
    damage(raw)
    assert "leads out" in brought_back(project, str(place)).failed["a.csv"]


def test_the_folder_itself_is_not_a_second_place(project: Layout, raw: Path) -> None:
    for place in ("data/raw", str(raw), str(raw / "2024")):
        with pytest.raises(UserError, match="itself, or in it"):
            check_apart(project, raw, place)
    check_apart(project, raw, "file:///elsewhere")


def test_a_folder_in_the_place_of_a_file_is_put_aside(
    project: Layout, raw: Path, tmp_path: Path
) -> None:
    place = as_folder("", tmp_path / "copy")
    (raw / "a.csv").unlink()
    (raw / "a.csv").mkdir()
    (raw / "a.csv/x.csv").write_text("1")
    done = brought_back(project, place)
    assert done.replaced == {"a.csv": "a.csv.bad-00000000"}
    assert (raw / "a.csv.bad-00000000/x.csv").read_text() == "1"
    assert verify(project, raw).clean


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_in_the_second_place_is_not_read(project: Layout, raw: Path, tmp_path: Path) -> None:
    place = Path(as_folder("", tmp_path / "copy"))
    (place / "a.csv").unlink()
    os.mkfifo(place / "a.csv")
    damage(raw)
    assert "is not a regular file" in brought_back(project, str(place)).failed["a.csv"]
