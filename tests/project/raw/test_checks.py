"""Raw data is checked quickly, bit by bit, or by content; what cannot be known is not claimed."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from colabctl.errors import UserError
from colabctl.project.layout import Layout
from colabctl.project.raw import (
    digests,
    manifest,
    protect,
    verify,
    verify_more,
    verify_quick,
)
from colabctl.project.raw.damage import sentences
from colabctl.project.raw.listing import SENTINEL
from colabctl.project.raw.proofs import Proofs
from tests.project.conftest import everything
from tests.project.raw.files import OLD, write


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows by the name of each file whose content is read."""
    names: list[str] = []
    digest_of = digests.digest_of

    def noting(path: Path, read: Callable[[int], None] | None = None) -> digests.Digest:
        names.append(path.name)
        return digest_of(path, read)

    monkeypatch.setattr(digests, "digest_of", noting)
    return names


# -- what is read ---------------------------------------------------------------------------


def test_protect_reads_only_files_that_are_new_or_have_another_size_or_time(
    project: Layout, raw: Path, reads: list[str]
) -> None:
    protect(project, raw)
    assert reads == []
    write(raw / "e.csv", "e")
    os.utime(raw / "a.csv", ns=(OLD, OLD + 10))
    assert protect(project, raw).added == ("e.csv",)
    assert sorted(reads) == ["a.csv", "e.csv"]
    reads.clear()
    protect(project, raw, full=True)
    assert len(reads) == 5


def test_a_file_that_was_written_a_moment_ago_is_read_again_as_its_time_proves_nothing(
    project: Layout, raw: Path, reads: list[str]
) -> None:
    (raw / "e.csv").write_text("1")
    now = (raw / "e.csv").stat().st_mtime_ns
    whole = (now // 1_000_000_000 + 1) * 1_000_000_000  # as a file system of whole seconds says
    os.utime(raw / "e.csv", ns=(whole, whole))
    protect(project, raw)
    write(raw / "e.csv", "2", whole)
    assert verify_quick(project, raw).changed == ("e.csv",)
    with pytest.raises(UserError, match=r"changed since data/raw was protected: e\.csv"):
        protect(project, raw)


def test_a_member_on_another_machine_does_not_read_what_has_the_recorded_time(
    project: Layout, raw: Path, cache: Path, reads: list[str]
) -> None:
    shutil.rmtree(cache)
    assert verify_quick(project, raw).clean
    protect(project, raw)
    assert reads == []


def test_an_interrupted_protect_continues_where_it_stopped(
    project: Layout, cache: Path, reads: list[str]
) -> None:
    for number in range(40):
        write(project.raw / f"{number}.csv", f"{number}")

    class StoppedError(Exception):
        pass

    def interrupt(done: int, total: int) -> None:
        if len(reads) >= 20:
            raise StoppedError

    with pytest.raises(StoppedError):
        protect(project, project.raw, progress=interrupt)
    assert manifest.read(project.manifest(project.raw)) is None
    before = Proofs.of(project.raw).proofs.keys()
    reads.clear()
    assert protect(project, project.raw).files == 40
    assert before
    assert not before & set(reads)


def test_a_killed_protect_continues_where_it_stopped(
    project: Layout, cache: Path, reads: list[str]
) -> None:
    """The process dies without any chance to tidy up, between two files."""
    for number in range(40):
        write(project.raw / f"{number}.csv", f"{number}")
    program = """
import os, sys
from pathlib import Path
from colabctl.project.layout import Layout
from colabctl.project.raw import protect, proofs
proofs._OFTEN = 0
add = proofs.Proofs.add
def adding(self, name, digest):
    add(self, name, digest)
    if len(self.proofs) == 25:
        with open(self._file, "ab") as file:
            file.write(b'["half a li')
        os._exit(9)
proofs.Proofs.add = adding
protect(Layout(Path(sys.argv[1])), Path("data/raw"))
"""
    command = [sys.executable, "-c", program, str(project.root)]
    assert subprocess.run(command, check=False).returncode == 9
    assert protect(project, project.raw).files == 40
    assert len(reads) == 15
    assert verify(project, project.raw).clean


def test_what_was_read_is_remembered_outside_the_project(
    project: Layout, raw: Path, cache: Path
) -> None:
    before = everything(project.root)
    verify(project, raw)
    assert everything(project.root) == before
    [file] = (cache / "raw").iterdir()
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "content", [b"", b"\xff\x00", b"[1]\n{}\n", b'["a.csv", "x"]\n', b"[" * 9999]
)
def test_what_was_remembered_may_be_damaged(
    project: Layout, raw: Path, cache: Path, content: bytes
) -> None:
    [file] = (cache / "raw").iterdir()
    file.write_bytes(content)
    assert verify_quick(project, raw).clean
    assert verify(project, raw).clean
    assert verify_more(project, raw, 60).unproven == 0


def test_what_was_remembered_stays_small(project: Layout, raw: Path, cache: Path) -> None:
    [file] = (cache / "raw").iterdir()
    line = file.read_bytes().splitlines()[-1] + b"\n"
    file.write_bytes(file.read_bytes() + line * 5_000)
    verify(project, raw)
    assert len(file.read_bytes().splitlines()) < 100


# -- quick ----------------------------------------------------------------------------------


def test_a_quick_check_reads_nothing_if_sizes_and_times_are_the_same(
    project: Layout, raw: Path, reads: list[str]
) -> None:
    check = verify_quick(project, raw)
    assert (check.clean, check.checked, reads) == (True, 4, [])


def test_a_quick_check_sees_another_size_another_time_and_missing_files(
    project: Layout, raw: Path
) -> None:
    write(raw / "a.csv", "longer than before")
    write(raw / "b.csv", "B.csv\n", OLD + 1)
    (raw / "2024/c.csv").unlink()
    write(raw / "new.csv", "1")
    check = verify_quick(project, raw)
    assert (check.changed, check.missing) == (("a.csv", "b.csv"), ("2024/c.csv",))
    assert (check.added, check.damaged) == (("new.csv",), True)


def test_after_a_copy_of_the_project_other_times_are_no_changes(
    project: Layout, raw: Path, reads: list[str]
) -> None:
    for file in raw.rglob("*.csv"):
        os.utime(file, ns=(OLD, OLD + 5_000_000_000))
    assert verify_quick(project, raw).clean
    assert len(reads) == 4
    assert verify_quick(project, raw).clean
    assert len(reads) == 4


def test_files_too_large_to_read_quickly_are_named_and_not_called_changed(
    project: Layout, raw: Path
) -> None:
    os.utime(raw / "a.csv", ns=(OLD, OLD + 1))
    check = verify_quick(project, raw, most=3)
    assert (check.touched, check.damaged, check.clean) == (("a.csv",), False, False)
    assert verify_quick(project, raw).clean


def test_what_verify_read_a_quick_check_knows(project: Layout, raw: Path) -> None:
    write(raw / "a.csv", "A.csv\n")  # the same size and time
    assert verify_quick(project, raw).clean
    assert verify(project, raw).changed == ("a.csv",)
    assert verify_quick(project, raw).changed == ("a.csv",)


# -- more -----------------------------------------------------------------------------------


def test_more_reads_first_what_was_not_read_for_longest(
    project: Layout, raw: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "_FEWEST_THREADS", 1)
    monkeypatch.setattr(digests, "_MOST_THREADS", 1)
    with Proofs.of(raw) as proofs:
        proofs.proofs.clear()
        for at, name in enumerate(("2024/d.csv", "a.csv", "2024/c.csv"), 1):
            data = (raw / name).read_bytes()
            digest = hashlib.sha256(data).hexdigest()
            proofs._pending.append(json.dumps([name, len(data), OLD, digest, at]))
        assert proofs._file is not None
        proofs._file.unlink()
    assert verify_more(project, raw, 60).clean
    assert reads == ["b.csv", "d.csv", "a.csv", "c.csv"]


def test_more_stops_when_its_time_is_up_and_says_what_is_left(
    project: Layout, raw: Path, cache: Path
) -> None:
    shutil.rmtree(cache)
    check = verify_more(project, raw, 0)
    assert (check.read, check.unproven, check.oldest, check.clean) == (0, 4, None, True)
    check = verify_more(project, raw, 60)
    assert (check.read, check.unproven, check.clean) == (4, 0, True)
    assert check.oldest is not None


def test_more_names_what_has_changed(project: Layout, raw: Path) -> None:
    write(raw / "a.csv", "A.csv\n")
    assert verify_more(project, raw, 60).changed == ("a.csv",)
    assert verify_more(project, raw, 0).changed == ("a.csv",)


# -- the sentinel ---------------------------------------------------------------------------


def test_nothing_is_called_missing_in_a_listing_without_the_sentinel(
    project: Layout, raw: Path
) -> None:
    for name in (SENTINEL, "b.csv"):
        (raw / name).unlink()
    shutil.rmtree(raw / "2024")
    absent = ("2024/c.csv", "2024/d.csv", "b.csv")
    for check in (verify(project, raw), verify_quick(project, raw), verify_more(project, raw, 9)):
        assert (check.missing, check.unseen) == ((), absent)
        assert (check.damaged, check.clean) == (False, False)
    before = project.manifest(raw).read_bytes()
    done = protect(project, raw, accept_changes=True)
    assert (done.missing, done.dropped, done.unseen) == ((), (), absent)
    assert project.manifest(raw).read_bytes() == before
    assert not (raw / SENTINEL).exists()
    assert "not complete" in sentences(project, ["data/raw"])[0]


def test_a_deleted_sentinel_comes_back_if_nothing_else_is_absent(
    project: Layout, raw: Path
) -> None:
    (raw / SENTINEL).unlink()
    assert verify(project, raw).clean
    protect(project, raw)
    assert (raw / SENTINEL).exists()


def test_the_sentinel_is_not_a_file_of_the_data(project: Layout, raw: Path) -> None:
    assert SENTINEL not in (manifest.read(project.manifest(raw)) or {})
    assert verify(project, raw).checked == 4


# -- files that are none --------------------------------------------------------------------


def test_documents_of_google_and_pipes_are_named_and_passed_over(
    project: Layout, raw: Path
) -> None:
    for name in ("notes.gdoc", "2024/table.gsheet", "Talk.GSLIDES"):
        write(raw / name, '{"doc_id": "1"}')
    os.mkfifo(raw / "pipe")
    names = ("2024/table.gsheet", "Talk.GSLIDES", "notes.gdoc", "pipe")
    done = protect(project, raw)
    assert (done.without_bytes, done.files, done.added) == (names, 4, ())
    check = verify(project, raw)
    assert (check.without_bytes, check.clean) == (names, True)


def test_names_that_only_case_tells_apart_are_named(project: Layout, raw: Path) -> None:
    for name in ("A.csv", "2024/C.csv"):
        write(raw / name, "1")
    if len(list(raw.iterdir())) == 4:
        pytest.skip("this file system ignores case")
    twins = (("2024/C.csv", "2024/c.csv"), ("A.csv", "a.csv"))
    assert protect(project, raw).twins == twins
    assert verify(project, raw).twins == twins


def test_a_file_that_changes_while_it_is_read_is_named_and_not_recorded(
    project: Layout, raw: Path
) -> None:
    large = raw / "log.csv"
    large.write_bytes(bytes(50_000_000))
    ends = threading.Event()

    def grow() -> None:
        with large.open("ab") as file:
            while not ends.is_set():
                file.write(b"1")
                file.flush()

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        done = protect(project, raw)
        assert (done.unsteady, done.added) == (("log.csv",), ())
        assert "log.csv" not in (manifest.read(project.manifest(raw)) or {})
    finally:
        ends.set()
        writer.join()
    assert protect(project, raw).added == ("log.csv",)
