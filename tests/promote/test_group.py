"""Two users of one machine, with umask 022, share the final results of a project."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import colabctl

GROUP = 61009
PYTHONS = (sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}")
PATHS = (str(Path(colabctl.__file__).parents[1]), sysconfig.get_path("purelib"))


def run(folder: Path, user: int, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a command as one of two users of the group, in a folder."""
    home = folder.parent / f"home-{user}"
    home.mkdir(exist_ok=True)
    os.chown(home, user, user)
    return subprocess.run(
        words, cwd=folder, user=user, group=user, extra_groups=[GROUP], umask=0o022,
        capture_output=True, text=True, check=False,
        env={"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(PATHS)},
    )  # fmt: skip


@pytest.fixture
def shared() -> Iterator[Path]:
    """Provide a folder in which a group may write, where its users can come."""
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("only root can be two users")
    root = Path(tempfile.mkdtemp(prefix="colabctl-group-", dir="/tmp"))
    root.chmod(0o755)
    folder = root / "churn"
    folder.mkdir()
    os.chown(folder, 61001, GROUP)
    folder.chmod(0o2770)
    yield folder
    shutil.rmtree(root)


@pytest.fixture
def command(shared: Path) -> Sequence[str]:
    """Return the command, by a Python that other users can run too."""
    for python in PYTHONS:
        words = (python, "-m", "colabctl")
        try:
            if run(shared, 61001, *words, "--version").returncode == 0:
                return words
        except OSError:  # closed to them, or not there
            continue
    pytest.skip("other users cannot run this Python")


def test_two_users_replace_each_others_results_and_keep_all(
    shared: Path, command: Sequence[str]
) -> None:
    ana, ben = 61001, 61002

    def done(user: int, *words: str) -> None:
        ended = run(shared, user, *words)
        assert ended.returncode == 0, ended.stderr

    def promote(user: int, member: str) -> None:
        paths = (f"results/{member}/run", f"results/{member}/model")
        done(user, *command, "promote", *paths, "--yes", "--member", member)

    done(ana, *command, "init", "--member", "ana", "--member", "ben")
    for user, member in ((ana, "ana"), (ben, "ben")):
        make = "mkdir results/$0/run && echo $0 | tee results/$0/run/a > results/$0/model"
        done(user, "sh", "-c", make, member)
    promote(ana, "ana")
    promote(ben, "ben")
    promote(ana, "ana")
    done(ben, *command, "promote", "--check")
    final = shared / "results/final"
    for name in ("run/a", "model"):
        assert (final / name).read_text() == "ana\n"
        kept_texts = [path.read_text() for path in final.glob(f"earlier/*/{name}")]
        assert sorted(kept_texts) == ["ana\n", "ben\n"]
