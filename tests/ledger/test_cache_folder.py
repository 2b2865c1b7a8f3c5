"""The folder of caches: this user's alone, without litter, and never in the way."""

import os
import random
from pathlib import Path

import pytest

from colabctl.ledger.state.cache import cache_of
from tests.ledger.cached import (
    Sweep,
    done,
    filled,
    is_used,
    picture,
)

pytestmark = pytest.mark.usefixtures("small_sweeps_are_cached_too")


def test_the_cache_is_this_users_alone(coherent: Sweep) -> None:
    assert coherent.file.parent.stat().st_mode & 0o777 == 0o700
    assert coherent.file.stat().st_mode & 0o777 == 0o600
    coherent.file.parent.chmod(0o755)
    assert not is_used(coherent)
    coherent.check()


def test_a_folder_that_cannot_be_used_is_no_error(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path, "coherent")
    sweep.caches.write_text("a file in the place of the folder")
    filled(sweep).check()
    assert not is_used(sweep)
    sweep.caches.unlink()
    sweep.caches.symlink_to(tmp_path / "nowhere")
    filled(sweep).check()


def test_a_link_in_the_place_of_the_cache_is_not_followed(coherent: Sweep, tmp_path: Path) -> None:
    target = tmp_path / "target"
    coherent.file.rename(target)
    coherent.file.symlink_to(target)
    before = target.read_bytes()
    assert not is_used(coherent)
    coherent.arrive(done("ana", 2, 2))
    coherent.check()
    assert target.read_bytes() == before
    assert not coherent.file.is_symlink()


def test_caches_that_were_not_used_for_a_month_are_deleted(coherent: Sweep) -> None:
    names = ("0" * 32 + ".sweep", "1" * 32 + ".sweep.01234567.tmp", "2" * 32 + ".sweep", "notes")
    old, torn, recent, foreign = map(coherent.file.with_name, names)
    for file in (old, torn, recent, foreign):
        file.write_bytes(b"")
    for file in (old, torn, foreign):
        os.utime(file, (1e9, 1e9))
    coherent.arrive(done("ana", 2, 2))
    coherent.read(coherent.cache())
    assert [file.exists() for file in (old, torn, recent, foreign)] == [False, False, True, True]


def test_using_a_cache_keeps_it(coherent: Sweep) -> None:
    os.utime(coherent.file, (1e9, 1e9))
    assert is_used(coherent)
    assert coherent.file.stat().st_mtime > 1.1e9


@pytest.mark.parametrize("setting", ["off", "OFF", "0", "no", "relative/folder"])
def test_the_cache_can_be_switched_off(
    coherent: Sweep, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setenv("COLABCTL_CACHE", setting)
    assert cache_of(coherent.journals, coherent.plan) is None


def test_a_home_folder_where_nothing_can_be_written_is_no_error(
    coherent: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLABCTL_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/cache")
    cache = cache_of(coherent.journals, coherent.plan)
    assert picture(coherent.read(cache)) == picture(coherent.read())


def test_commands_that_save_at_once_leave_one_good_cache(coherent: Sweep) -> None:
    first, second = coherent.read(), coherent.read()
    coherent.arrive(done("ana", 2, 2))
    second.refresh()
    order = [first, second] * 3
    random.Random(0).shuffle(order)
    for each in order:
        coherent.cache().save(each.state, each._journals)
        coherent.check()
    assert list(coherent.file.parent.glob("*.sweep")) == [coherent.file]
