"""Staging files and folders: checked, once, and on after a break."""

import os
import random
import shutil
import signal
import stat
import subprocess
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from colabctl.errors import UserError
from colabctl.project.raw import protect
from colabctl.stage.copying import DamagedError, StoppedError, part_name
from colabctl.stage.places import (
    Place,
    in_use,
    is_used,
    is_whole,
    listing_of,
    place_of,
    places_in,
    remove,
    size_on_disk,
    stage_folder,
)
from colabctl.stage.sources import Source, find_source, stem_of
from colabctl.stage.staging import Staged, Staging, path_of, stage
from tests.processes import Project, end, until

MANY = 200


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return stage_folder({"COLABCTL_STAGE": str(tmp_path / "disk")})


@pytest.fixture
def images(project: Project) -> Path:
    """Return a folder of raw data with files of all sizes, in folders."""
    drawn = random.Random(1)
    folder = project.root / "data/raw/images"
    for number in range(MANY):
        file = folder / f"class {number % 7}" / f"bild-ü{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(drawn.randbytes(number * 37))
    return folder


def found(project: Project, path: str = "data/raw/images") -> Source:
    return find_source(project.config({}).layout, Path(path))


def protected(project: Project) -> None:
    layout = project.config({}).layout
    protect(layout, layout.raw, accept_changes=True)


def staged(source: Source, base: Path, said: list[str] | None = None) -> Staged:
    tell = (said if said is not None else []).append
    return stage(source, Staging(base, tell, lambda _: None, threading.Event()))


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def replaced(file: Path, data: bytes) -> None:
    file.chmod(0o644)
    file.write_bytes(data)


@pytest.mark.parametrize("has_manifest", [True, False])
def test_a_folder_is_copied_as_it_is_and_only_once(
    project: Project, images: Path, base: Path, has_manifest: bool
) -> None:
    if has_manifest:
        protected(project)
    source = found(project)
    assert (source.manifest is not None) == has_manifest
    first = staged(source, base)
    assert content(first.path) == content(images)
    assert first.copied == source.size == sum(map(len, content(images).values()))
    assert staged(source, base) == Staged(first.path, first.place, 0, waited=False)


def test_a_file_is_copied_under_its_name(project: Project, base: Path) -> None:
    project.write("data/raw/table.csv", "a,b\n1,2\n")
    done = staged(found(project, "data/raw/table.csv"), base)
    assert (done.path.name, done.path.read_text()) == ("table.csv", "a,b\n1,2\n")


@pytest.mark.parametrize("ending", ["zip", "tar.gz"])
def test_an_archive_is_unpacked(project: Project, images: Path, base: Path, ending: str) -> None:
    kind = {"zip": "zip", "tar.gz": "gztar"}[ending]
    shutil.make_archive(str(images), kind, images.parent, "images")
    expected = content(images)
    protected(project)
    source = found(project, f"data/raw/images.{ending}")
    done = staged(source, base)
    assert content(done.path / "images") == expected
    assert done.copied == source.size
    assert [entry.name for entry in done.place.folder.iterdir() if entry.name != "files"] == ["staged.json"]  # fmt: skip
    assert staged(source, base).copied == 0


def test_a_copy_is_read_only(project: Project, images: Path, base: Path) -> None:
    done = staged(found(project), base)
    modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in done.path.rglob("*")}
    assert not any(mode & 0o222 for mode in modes.values())
    if os.getuid():
        with pytest.raises(PermissionError):
            (done.path / "new").touch()


def test_changed_content_gets_a_place_of_its_own(
    project: Project, images: Path, base: Path
) -> None:
    protected(project)
    first = staged(found(project), base)
    file = next(images.rglob("*ü9.png"))
    replaced(file, b"other")
    protected(project)
    second = staged(found(project), base)
    assert first.path != second.path
    assert content(second.path) == content(images)


@pytest.mark.parametrize("damage", ["content", "size", "missing"])
def test_a_source_that_differs_from_its_manifest_is_not_staged(
    project: Project, images: Path, base: Path, damage: str
) -> None:
    protected(project)
    file = next(images.rglob("*ü9.png"))
    data = file.read_bytes()
    if damage == "missing":
        file.unlink()
    else:
        replaced(file, b"x" + data[1:] if damage == "content" else data + b"x")
    source = found(project)
    with pytest.raises(DamagedError, match=r"bild-ü9\.png .*colabctl verify data/raw"):
        staged(source, base)
    place = place_of(base, source)
    assert not is_whole(place, place.record())
    if file.exists():
        replaced(file, data)
    else:
        file.write_bytes(data)
    done = staged(source, base)
    assert content(done.path) == content(images)
    assert done.copied < source.size, "what was whole is not copied again"


def test_what_someone_changed_in_a_copy_is_copied_again(
    project: Project, images: Path, base: Path
) -> None:
    protected(project)
    source = found(project)
    done = staged(source, base)
    one, two, *_ = sorted(done.path.rglob("*9.png"))
    for folder in {one.parent, two.parent}:
        folder.chmod(0o700)
    size = one.stat().st_size + two.stat().st_size
    replaced(one, b"x" * one.stat().st_size)
    two.unlink()
    (one.parent / "more.png").write_bytes(b"more")
    again = staged(source, base)
    assert content(again.path) == content(images)
    assert again.copied == size


def test_a_part_that_does_not_fit_is_copied_anew(
    project: Project, images: Path, base: Path
) -> None:
    """As after a power cut, when a part can hold anything."""
    protected(project)
    source = found(project)
    place = place_of(base, source)
    place.parts.mkdir(parents=True)
    for name, file in source.files.items():
        part = place.parts / part_name(name)
        part.write_bytes(bytes(file.size // 2))
    assert content(staged(source, base).path) == content(images)


def test_links_and_droppings_are_left_out(project: Project, images: Path, base: Path) -> None:
    (images / "link").symlink_to("/etc/passwd")
    (images / ".DS_Store").touch()
    source = found(project)
    assert source.left_out == ("link",)
    names = content(staged(source, base).path)
    assert not {"link", ".DS_Store"} & names.keys()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("data/raw/none.zip", "there is no data/raw/none.zip"),
        ("../outside", "is not in the project"),
        ("/etc/passwd", "is not in the project"),
        (".", "is the whole project"),
        ("data/interim", "holds no files"),
        ("data/raw/out", "leads out of the project"),
        ("data/raw/pipe", "is not a file or a folder"),
    ],
)
def test_what_cannot_be_staged_is_named(project: Project, path: str, message: str) -> None:
    (project.root / "data/raw/out").symlink_to("/etc")
    os.mkfifo(project.root / "data/raw/pipe")
    with pytest.raises(UserError, match=message):
        found(project, path)


def test_the_digest_of_an_archive_is_that_of_its_content(project: Project) -> None:
    """Two projects, or two names, share one copy."""
    project.write("data/raw/one.zip", "same")
    project.write("data/raw/two.zip", "same")
    protected(project)
    digests = {found(project, f"data/raw/{name}.zip").digest for name in ("one", "two")}
    assert len(digests) == 1
    assert found(project, "data/raw/one.zip").digest != found(project, "data/raw").digest


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("data/raw/images.zip", "images"),
        ("a.b/images.tar.gz", "images"),
        ("images/", "images"),
        ("x.tar.zst", "x"),
        (".hidden", ".hidden"),
    ],
)
def test_a_name_without_its_ending(name: str, stem: str) -> None:
    assert stem_of(name) == stem


# -- breaks ---------------------------------------------------------------------------------


def test_a_stop_keeps_what_was_copied(project: Project, images: Path, base: Path) -> None:
    (images / "large.bin").write_bytes(random.Random(2).randbytes(20 << 20))
    protected(project)
    source = found(project)
    with pytest.raises(StoppedError):
        stage(source, Staging(base, print, lambda _: None, _StopAfter(40)))
    place = place_of(base, source)
    assert not is_whole(place, place.record())
    here = size_on_disk(place) - place.record_file.stat().st_size
    done = staged(source, base)
    assert (done.copied, content(done.path)) == (source.size - here, content(images))


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_a_killed_process_leaves_nothing_that_looks_whole_and_the_next_one_goes_on(
    project: Project, images: Path, base: Path, kind: str
) -> None:
    drawn = random.Random(3)
    for number in range(3):
        (images / f"large-{number}.bin").write_bytes(drawn.randbytes(24 << 20))
    path = "data/raw/images"
    if kind == "archive":
        shutil.make_archive(str(images), "tar", images.parent, "images")
        path = "data/raw/images.tar"
    protected(project)
    source = found(project, path)
    place = place_of(base, source)
    environ = {"COLABCTL_STAGE": str(base.parent)}
    kills = 0
    for _ in range(6):
        process = project.start("stage", path, **environ)
        until(partial(_has_grown, process, place, bytes_here(place)))
        time.sleep(drawn.uniform(0, 0.05))  # to kill it anywhere, not to wait for anything
        process.kill()
        kills += end(process).code == -signal.SIGKILL
        if is_whole(place, place.record()):
            break
    assert kills > 0
    # What was there when the last one was killed is not read again.
    here = bytes_here(place)
    whole = is_whole(place, place.record())
    done = project.run("stage", path, "--json", **environ)
    assert done.code == 0, done.err
    [report] = done.json
    assert report["copied"] == (0 if whole else source.size - here)
    there = Path(report["path"])
    assert content(there / "images" if kind == "archive" else there) == content(images)


class _StopAfter(threading.Event):
    """An event that is set once it has been looked at so many times."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._looks = looks

    def is_set(self) -> bool:
        self._looks -= 1
        return self._looks < 0 or super().is_set()


def _has_grown(process: "subprocess.Popen[str]", place: Place, before: int) -> bool:
    return process.poll() is not None or bytes_here(place) != before


def bytes_here(place: Place) -> int:
    """Return the bytes of the source that are in a place, whole or in parts."""
    packed = place.folder / "packed"
    copied = [*listing_of(place.parts), *listing_of(packed if packed.exists() else place.files)]
    return sum(size for name, (size, _) in copied if not name.startswith("unpacked/"))


def test_two_processes_stage_once_and_one_says_that_it_waits(
    project: Project, images: Path, base: Path
) -> None:
    for number in range(8):
        (images / f"large-{number}.bin").write_bytes(random.Random(4).randbytes(24 << 20))
    protected(project)
    source = found(project)
    environ = {"COLABCTL_STAGE": str(base.parent)}
    processes = [project.start("stage", "data/raw/images", "--json", **environ) for _ in range(3)]
    ended = [end(process) for process in processes]
    assert [each.code for each in ended] == [0, 0, 0], [each.err for each in ended]
    assert sum(each.json[0]["copied"] for each in ended) == source.size
    assert len({each.json[0]["path"] for each in ended}) == 1


def test_a_process_waits_for_another_that_stages_the_same(
    project: Project, images: Path, base: Path
) -> None:
    protected(project)
    source = found(project)
    said: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    def slow(_: str) -> None:
        begun.set()
        go_on.wait(60)

    def hear(text: str) -> None:
        said.append(text)
        go_on.set()

    first = threading.Thread(
        target=stage, args=(source, Staging(base, print, slow, threading.Event()))
    )
    first.start()
    assert begun.wait(60)
    second = stage(source, Staging(base, hear, lambda _: None, threading.Event()))
    first.join()
    assert (second.copied, second.waited) == (0, True)
    assert f"process {os.getpid()}" in said[0]
    assert "is staging data/raw/images on this machine; waiting for it" in said[0]


# -- disks ----------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder on a disk of 8 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("this user cannot mount a disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def test_too_little_room_is_said_before_anything_is_copied(
    project: Project, images: Path, small_disk: Path
) -> None:
    (images / "large.bin").write_bytes(bytes(9 << 20))
    base = stage_folder({"COLABCTL_STAGE": str(small_disk)})
    with pytest.raises(UserError, match=r"needs 10\.\d MB more on this machine, and .* has 8\.\d MB free"):  # fmt: skip
        staged(found(project), base)
    assert content(base).keys() == {f"{place_of(base, found(project)).folder.name}/staged.json",
                                    f"{place_of(base, found(project)).folder.name}.lock"}  # fmt: skip


def test_a_disk_that_gets_full_meanwhile_counts_nothing_half_as_whole(
    project: Project, images: Path, small_disk: Path
) -> None:
    with zipfile.ZipFile(images.with_suffix(".zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(90):
            archive.writestr(f"{number}.txt", bytes(100_000))
    protected(project)
    base = stage_folder({"COLABCTL_STAGE": str(small_disk)})
    source = found(project, "data/raw/images.zip")
    with pytest.raises(UserError, match="this machine's disk is full"):
        staged(source, base)
    place = place_of(base, source)
    assert not place.files.exists()
    assert not is_whole(place, place.record())


def test_a_tar_that_does_not_fit_is_said(project: Project, images: Path, small_disk: Path) -> None:
    (images / "large.bin").write_bytes(bytes(9 << 20))
    with tarfile.open(images.with_suffix(".tar.gz"), "w:gz") as archive:
        archive.add(images, "images")
    base = stage_folder({"COLABCTL_STAGE": str(small_disk)})
    with pytest.raises(UserError, match=r"unpacking data/raw/images\.tar\.gz needs 9\.4 MB more"):
        staged(found(project, "data/raw/images.tar.gz"), base)


# -- places ---------------------------------------------------------------------------------


def test_a_copy_in_use_is_kept(project: Project, images: Path, base: Path) -> None:
    done = staged(found(project), base)
    assert not is_used(done.place)
    with in_use(done.place):
        ended = project.run("stage", "--clear", "--yes", COLABCTL_STAGE=str(base.parent))
        assert ended.code == 0
        assert "in use, and kept: " in ended.err
        assert done.path.exists()
    assert not is_used(done.place)
    remove(done.place)
    assert places_in(base) == []


@pytest.mark.skipif(os.getuid() != 0, reason="needs a second user")
def test_a_folder_of_another_user_is_not_used(tmp_path: Path) -> None:
    folder = stage_folder({"COLABCTL_STAGE": str(tmp_path)})
    os.chown(folder, 12345, -1)
    with pytest.raises(UserError, match="another user can write in it"):
        stage_folder({"COLABCTL_STAGE": str(tmp_path)})


@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to("/tmp")])
def test_a_file_or_a_link_in_place_of_the_folder_is_named(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    folder = stage_folder({"COLABCTL_STAGE": str(tmp_path)})
    folder.rmdir()
    make(folder)
    with pytest.raises(UserError, match="COLABCTL_STAGE=/path"):
        stage_folder({"COLABCTL_STAGE": str(tmp_path)})


def test_staging_knows_where_a_copy_will_be(project: Project, images: Path, base: Path) -> None:
    source = found(project)
    assert path_of(base, source) == staged(source, base).path


@pytest.mark.parametrize("path", ["data/raw/images", "data/raw/images.zip"])
def test_a_link_in_the_place_of_a_copy_is_replaced(
    project: Project, images: Path, base: Path, tmp_path: Path, path: str
) -> None:
    shutil.make_archive(str(images), "zip", images)
    done = staged(found(project, path), base)
    before = content(done.path)
    done.place.files.chmod(0o700)  # only root may rename it as it is
    done.place.files.rename(tmp_path / "elsewhere")
    done.place.files.symlink_to(tmp_path / "elsewhere")
    again = staged(found(project, path), base)
    assert not again.path.is_symlink()
    assert content(again.path) == before
    assert content(tmp_path / "elsewhere") == before


def test_copies_do_not_go_into_the_project(project: Project) -> None:
    with pytest.raises(UserError, match="inside the project"):
        stage_folder({"COLABCTL_STAGE": str(project.root / "copies")})
    assert not (project.root / "copies").exists()
