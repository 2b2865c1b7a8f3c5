"""The wheel that workers install, built from the running colabctl."""

import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from colabctl.errors import UserError
from colabctl.project.layout import Layout
from colabctl.project.notebooks import wheel as wheels
from colabctl.project.notebooks.wheel import place_wheel, wheel
from colabctl.version import VERSION
from tests.processes import clean
from tests.project.conftest import everything
from tests.worker_notebooks.machine import bare_python

PACKAGE = Path(wheels.__file__).parents[2]


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """Make each wheel from the present files, which a developer may be editing."""
    wheel.cache_clear()
    yield
    wheel.cache_clear()


def test_the_wheel_has_every_file_of_the_package_except_compiled_ones() -> None:
    with zipfile.ZipFile(io.BytesIO(wheel().data)) as archive:
        assert archive.testzip() is None
        inside = {name for name in archive.namelist() if name.startswith("colabctl/")}
        for name in inside:
            assert archive.read(name) == (PACKAGE.parent / name).read_bytes()
    sources = {path.relative_to(PACKAGE.parent).as_posix() for path in PACKAGE.rglob("*.py")}
    assert inside >= {*sources, "colabctl/py.typed", "colabctl/demo/sweep.yaml"}
    assert inside >= {"colabctl/guide/commands.md", "colabctl/guide/pictures/status.svg"}
    assert not [name for name in inside if "__pycache__" in name or name.endswith(".pyc")]


def test_the_same_files_give_the_same_bytes() -> None:
    first = wheel()
    wheel.cache_clear()
    assert wheel() == first


def test_another_build_of_the_same_version_has_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = wheel()
    package = tmp_path / "colabctl"
    package.mkdir()
    (package / "__init__.py").write_text("changed = True\n")
    monkeypatch.setattr(wheels, "_PACKAGE", package)
    wheel.cache_clear()
    second = wheel()
    assert first.name != second.name
    for name in (first.name, second.name):
        assert name.startswith(f"colabctl_drive-{VERSION}-0x")
        assert name.endswith("-py3-none-any.whl")


def test_the_wheel_is_placed_once_and_those_of_other_builds_stay(project: Layout) -> None:
    old = project.records / "colabctl_drive-0.0.1-0x12345678-py3-none-any.whl"
    old.write_bytes(b"old")
    assert place_wheel(project).new == (project.records / wheel().name,)
    before = everything(project.root)
    assert place_wheel(project).new == ()
    assert everything(project.root) == before
    assert old.read_bytes() == b"old"


def test_another_file_with_that_name_is_reported_and_unchanged(project: Layout) -> None:
    there = project.records / wheel().name
    there.write_bytes(b"half of it")
    with pytest.raises(UserError, match=r"py3-none-any\.whl does not contain this wheel"):
        place_wheel(project)
    assert there.read_bytes() == b"half of it"


def test_a_package_that_is_not_installed_has_no_wheel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(wheels, "distribution", missing)
    with pytest.raises(UserError, match="is not installed, so no wheel"):
        wheel()


def test_pip_installs_the_wheel_and_the_installation_builds_it_again(tmp_path: Path) -> None:
    python = bare_python(tmp_path / "python")
    own = wheel()
    (tmp_path / own.name).write_bytes(own.data)

    def run(*command: str | Path) -> str:
        environ = {**clean(os.environ), "PIP_NO_INDEX": "1"}
        done = subprocess.run(
            command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(python, "-m", "pip", "install", "-q", tmp_path / own.name)
    assert run(python.with_name("colabctl"), "--version") == f"{VERSION}\n"
    again = (
        "from colabctl.project.notebooks.wheel import wheel; print(wheel().name, wheel().digest)"
    )
    assert run(python, "-c", again) == f"{own.name} {own.digest}\n"
    assert "colabctl-drive" not in run(python, "-m", "pip", "check")


@pytest.mark.slow
def test_a_wheel_that_pip_builds_has_the_same_files(tmp_path: Path) -> None:
    """Needs a package index."""
    checkout = tmp_path / "checkout"
    compiled = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, checkout / "colabctl", ignore=compiled)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PACKAGE.parent / name, checkout)
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps"]
    subprocess.run([*pip, "-w", tmp_path, checkout], check=True)
    (built,) = tmp_path.glob("*.whl")
    assert package_files(built.read_bytes()) == package_files(wheel().data)


def package_files(data: bytes) -> dict[str, bytes]:
    """Return the files of the package in a wheel, by name."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [name for name in archive.namelist() if name.startswith("colabctl/")]
        return {name: archive.read(name) for name in names}


@pytest.mark.slow
def test_an_empty_environment_gets_all_dependencies(tmp_path: Path) -> None:
    """Needs a package index."""
    own = wheel()
    (tmp_path / own.name).write_bytes(own.data)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "empty"], check=True)
    programs = tmp_path / "empty" / "bin"
    subprocess.run([programs / "pip", "install", "-q", tmp_path / own.name], check=True)
    answer = subprocess.run([programs / "colabctl", "--version"], check=True, capture_output=True)
    assert answer.stdout.decode() == f"{VERSION}\n"
