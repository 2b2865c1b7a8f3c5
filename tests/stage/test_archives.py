"""Unpacking archives that others made."""

import gzip
import importlib.util
import io
import os
import stat
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from colabctl.errors import UserError
from colabctl.stage.archives import unpack

FILES = {"images/a.txt": b"first", "images/deep/b.bin": bytes(range(256)) * 5000, "empty": b""}


def unpacked(archive: Path) -> Path:
    """Unpack an archive, and return the folder."""
    target = archive.parent / "unpacked"
    unpack(archive, archive.name, target, count=lambda _: None, stopped=lambda: False)
    return target


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def zipped(file: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file


def tarred(file: Path, *members: tarfile.TarInfo | tuple[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(file, mode) as archive:  # type: ignore[call-overload]
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
    return file


def entry(name: str, kind: bytes, target: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, target, mode
    return info


@pytest.mark.parametrize(
    ("ending", "mode"),
    [(".tar", "w"), (".tar.gz", "w:gz"), (".tgz", "w:gz"), (".tar.bz2", "w:bz2"), (".tar.xz", "w:xz")],
)  # fmt: skip
def test_every_kind_of_tar_is_unpacked(tmp_path: Path, ending: str, mode: str) -> None:
    archive = tarred(tmp_path / f"images{ending}", *FILES.items(), mode=mode)
    assert content(unpacked(archive)) == FILES


def test_a_zip_is_unpacked(tmp_path: Path) -> None:
    assert content(unpacked(zipped(tmp_path / "images.zip", *FILES.items()))) == FILES


def test_a_zstandard_archive_is_unpacked_or_says_what_is_missing(tmp_path: Path) -> None:
    plain = tarred(tmp_path / "images.tar", *FILES.items())
    archive = tmp_path / "images.tar.zst"
    if importlib.util.find_spec("zstandard") is None:
        archive.write_bytes(b"anything")
        if sys.version_info < (3, 14):
            with pytest.raises(UserError, match="pip install zstandard"):
                unpacked(archive)
        return
    archive.write_bytes(importlib.import_module("zstandard").compress(plain.read_bytes()))
    assert content(unpacked(archive)) == FILES


def test_a_zip_made_on_windows_has_folders(tmp_path: Path) -> None:
    archive = zipped(
        tmp_path / "images.zip", ("images\\a.txt", b"first"), ("images\\deep\\b", b"2")
    )
    assert content(unpacked(archive)) == {"images/a.txt": b"first", "images/deep/b": b"2"}


def test_what_systems_leave_behind_is_not_unpacked(tmp_path: Path) -> None:
    archive = zipped(
        tmp_path / "images.zip",
        ("a.txt", b"first"),
        ("__MACOSX/._a.txt", b"resource"),
        (".DS_Store", b"view"),
    )
    assert content(unpacked(archive)) == {"a.txt": b"first"}


def test_links_inside_are_kept(tmp_path: Path) -> None:
    archive = tarred(
        tmp_path / "images.tar",
        entry("latest", tarfile.SYMTYPE, "images/a.txt"),
        ("images/a.txt", b"first"),
        entry("images/same", tarfile.LNKTYPE, "images/a.txt"),
        entry("images/up", tarfile.SYMTYPE, "../images/a.txt"),
    )
    folder = unpacked(archive)
    assert (folder / "latest").readlink() == Path("images/a.txt")
    assert content(folder) == dict.fromkeys(
        ("images/a.txt", "latest", "images/same", "images/up"), b"first"
    )


def test_no_file_gets_rights_that_it_should_not_have(tmp_path: Path) -> None:
    mighty = tarfile.TarInfo("mighty")
    mighty.mode = 0o6777
    plain = tarfile.TarInfo("plain")
    plain.mode = 0
    folder = unpacked(tarred(tmp_path / "images.tar", mighty, plain))
    assert stat.S_IMODE((folder / "mighty").stat().st_mode) & 0o7022 == 0
    assert (folder / "plain").read_bytes() == b""


def encrypted(folder: Path) -> Path:
    """Make a zip whose file has the mark of an encrypted one."""
    archive = zipped(folder / "images.zip", ("secret.txt", b"secret"))
    data = bytearray(archive.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    data[data.index(b"PK\x03\x04") + 6] |= 1
    archive.write_bytes(bytes(data))
    return archive


def zip_link(folder: Path) -> Path:
    info = zipfile.ZipInfo("link")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return zipped(folder / "images.zip", (info, b"/etc/passwd"))


def bomb(folder: Path) -> Path:
    """Make a zip that says that it unpacks to 4 GB, as one of some megabytes can."""
    archive = zipped(folder / "images.zip", ("zeros", bytes(1 << 20)))
    data = bytearray(archive.read_bytes())
    start = data.index(b"PK\x01\x02") + 24
    data[start : start + 4] = (0xF0000000).to_bytes(4, "little")
    archive.write_bytes(bytes(data))
    return archive


def cut(archive: Path, by: int) -> Path:
    archive.write_bytes(archive.read_bytes()[:-by])
    return archive


UNSAFE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "up": (lambda d: zipped(d / "i.zip", ("../evil", b"x")), "'../evil' leads out of the archive"),
    "up in the middle": (lambda d: zipped(d / "i.zip", ("a/../../evil", b"x")), "leads out"),
    "up for Windows": (lambda d: zipped(d / "i.zip", ("..\\evil", b"x")), "leads out"),
    "absolute": (lambda d: tarred(d / "i.tar", ("/etc/evil", b"x")), "has an absolute path"),
    "drive": (lambda d: zipped(d / "i.zip", ("C:\\evil", b"x")), "has an absolute path"),
    "link out": (
        lambda d: tarred(d / "i.tar", entry("home", tarfile.SYMTYPE, "../../home")),
        "its link 'home' leads out of the archive, to '../../home'",
    ),
    "absolute link": (lambda d: tarred(d / "i.tar", entry("e", tarfile.SYMTYPE, "/etc")), "leads out"),
    "link in a zip": (zip_link, "its link 'link' leads out of the archive, to '/etc/passwd'"),
    "hard link out": (
        lambda d: tarred(d / "i.tar", entry("e", tarfile.LNKTYPE, "../../etc/passwd")),
        "its hard link 'e' leads out",
    ),
    "link over a link": (
        lambda d: tarred(
            d / "i.tar",
            ("d/x", b""),
            entry("here", tarfile.SYMTYPE, "d"),
            entry("here/out", tarfile.SYMTYPE, "../.."),
        ),
        "leads out|a file and a folder called",
    ),
    "link through a later link": (
        lambda d: tarred(
            d / "i.tar",
            entry("out", tarfile.SYMTYPE, "here/../x"),
            entry("here", tarfile.SYMTYPE, "."),
        ),
        "its link 'out' leads out",
    ),
    "file through a link": (
        lambda d: tarred(d / "i.tar", entry("up", tarfile.SYMTYPE, ".."), ("up/evil", b"x")),
        "leads out",
    ),
    "device": (lambda d: tarred(d / "i.tar", entry("null", tarfile.CHRTYPE)), "is a device or a pipe"),
    "pipe": (lambda d: tarred(d / "i.tar", entry("pipe", tarfile.FIFOTYPE)), "is a device or a pipe"),
    "bomb": (bomb, "as a zip bomb does"),
    "password": (encrypted, "needs a password"),
    "twice": (lambda d: tarred(d / "i.tar", ("a", b"1"), ("a", b"2")), "two files called 'a'"),
    "file as folder": (lambda d: tarred(d / "i.tar", ("a", b"1"), ("a/b", b"2")), "a file and a folder"),
    "half a zip": (lambda d: cut(zipped(d / "i.zip", *FILES.items()), 40), "is damaged or not complete"),
    "half a tar": (
        lambda d: cut(tarred(d / "i.tar", ("a", bytes(99999)), mode="w"), 70000),
        "is damaged or not complete",
    ),
    "a tar without an end": (
        lambda d: cut(tarred(d / "i.tar", ("a", b"1"), ("b", b"2")), 10240 - 1024),
        "is damaged or not complete",
    ),
    "half a tar.gz": (
        lambda d: cut(tarred(d / "i.tar.gz", ("a", os.urandom(99999)), mode="w:gz"), 5000),
        "is damaged or not complete",
    ),
    "no archive": (lambda d: nothing(d / "i.zip"), "is damaged or not complete"),
    "no tar": (lambda d: nothing(d / "i.tar.xz"), "is damaged or not complete"),
}  # fmt: skip


def nothing(file: Path) -> Path:
    file.write_bytes(b"<html>quota exceeded</html>")
    return file


@pytest.mark.parametrize("kind", UNSAFE)
def test_what_is_unsafe_or_damaged_is_refused_and_writes_nothing_outside(
    tmp_path: Path, kind: str
) -> None:
    make, message = UNSAFE[kind]
    folder = tmp_path / "deep" / "er"
    folder.mkdir(parents=True)
    archive = make(folder)
    with pytest.raises(UserError, match=message) as refused:
        unpacked(archive)
    assert archive.name in str(refused.value)
    outside = {path for path in tmp_path.rglob("*") if folder not in path.parents}
    assert outside == {tmp_path / "deep", folder}
    inside = {path.name for path in folder.iterdir()}
    assert inside <= {archive.name, "unpacked"}


def test_a_damaged_byte_is_found(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "images.zip", ("a.bin", os.urandom(100_000)))
    data = bytearray(archive.read_bytes())
    data[50_000] ^= 1
    archive.write_bytes(bytes(data))
    with pytest.raises(UserError, match=r"images\.zip is damaged"):
        unpacked(archive)


@pytest.mark.skipif(not Path("/bin/tar").exists(), reason="needs the system's tar")
def test_what_the_systems_tar_makes_is_unpacked(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    long = "n" * 150
    (folder / long).write_bytes(b"long")
    (folder / "ünï.txt").write_bytes(b"unicode")
    with (folder / "sparse").open("wb") as file:
        file.truncate(1 << 20)
    for options in (["-czf", "a.tar.gz"], ["-cSf", "a.tar"], ["--format=gnu", "-cf", "b.tar"]):
        subprocess.run(["tar", *options, "images"], cwd=tmp_path, check=True)
        archive = tmp_path / options[-1]
        target = tmp_path / f"out-{archive.name}"
        unpack(archive, archive.name, target, count=lambda _: None, stopped=lambda: False)
        assert content(target / "images") == content(folder)


@pytest.mark.parametrize("mode", ["gz", "bz2", "xz"])
def test_a_compressed_tar_that_lacks_its_last_bytes_is_refused(tmp_path: Path, mode: str) -> None:
    file = tarred(tmp_path / f"a.tar.{mode}", *FILES.items(), mode=f"w:{mode}")
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(UserError, match="is damaged or not complete"):
        unpacked(file)


def test_flipped_bytes_and_garbage_in_a_compressed_tar_are_noticed(tmp_path: Path) -> None:
    stored = gzip.compress(tarred(tmp_path / "a.tar", ("a.txt", b"payload" * 99)).read_bytes(), 0)
    for number, damaged in enumerate((stored.replace(b"payload", b"pAyload", 1), stored + b"junk")):
        folder = tmp_path / str(number)
        folder.mkdir()
        file = folder / "a.tar.gz"
        file.write_bytes(damaged)
        with pytest.raises(UserError, match="is damaged or not complete"):
            unpacked(file)
