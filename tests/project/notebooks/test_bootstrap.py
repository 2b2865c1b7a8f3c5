"""The code of a notebook that runs before colabctl is installed."""

import hashlib
import os
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from colabctl.project.notebooks import bootstrap
from colabctl.project.notebooks.bootstrap import NotebookError, fetch
from colabctl.project.notebooks.rendering import import_lines, source_of
from tests.processes import clean
from tests.worker_notebooks.machine import bare_python

WHEEL = "colabctl_drive-0.1.0-0x12345678-py3-none-any.whl"
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # SHA-256 of b"abc"


def hold(folder: Path, data: bytes) -> Path:
    (folder / ".colabctl").mkdir(parents=True)
    (folder / ".colabctl" / WHEEL).write_bytes(data)
    return folder


def test_the_first_wheel_with_the_right_digest_is_taken(tmp_path: Path) -> None:
    changed, right = hold(tmp_path / "changed", b"abd"), hold(tmp_path / "right", b"abc")
    levels = iter([[tmp_path, changed], [right]])
    assert fetch(WHEEL, ABC, levels) == b"abc"


def test_changed_and_missing_wheels_are_named(tmp_path: Path) -> None:
    changed = hold(tmp_path / "changed", b"abd")
    with pytest.raises(NotebookError, match=f"in {changed} is incomplete or was changed"):
        fetch(WHEEL, ABC, iter([[changed, tmp_path]]))
    with pytest.raises(NotebookError, match="was not found: in Drive, add a shortcut"):
        fetch(WHEEL, ABC, iter([[tmp_path]]))


def test_nothing_is_mounted_outside_colab() -> None:
    assert bootstrap.mount_drive() is None


def test_only_the_standard_library_is_needed() -> None:
    subprocess.run([sys.executable, "-I", "-S", "-c", import_lines(bootstrap)], check=True)


def dist(folder: Path, name: str, version: str, *requires: str) -> Path:
    """Write the wheel of a package that holds nothing."""
    file = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
    metadata = f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n{needs}"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return file


def installed_by_a_notebook(place: Path, *requires: str) -> "subprocess.CompletedProcess[str]":
    """Install a colabctl that requires these, from a project, as a notebook's text does it.

    There are a package `lacking` 1.0 and a tornado 99.0 to be had, and nothing else.
    """
    shelf = place / "shelf"
    shelf.mkdir()
    dist(shelf, "lacking", "1.0")
    dist(shelf, "tornado", "99.0")
    data = dist(shelf, "colabctl_drive", "0.1.0", *requires).read_bytes()
    project = hold(place / "churn", data)
    digest = hashlib.sha256(data).hexdigest()
    text = f"""
{import_lines(bootstrap)}
{source_of(bootstrap.NotebookError, bootstrap.fetch, bootstrap.install)}
install({WHEEL!r}, {digest!r}, iter([[Path({str(project)!r})]]))
print(version("tornado"), version("lacking"))
"""
    environ = {**clean(os.environ), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(shelf)}
    return subprocess.run(
        [bare_python(place / "python"), "-c", text],
        cwd=place, env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_missing_dependencies_are_installed_too(tmp_path: Path) -> None:
    done = installed_by_a_notebook(tmp_path, "lacking", "tornado>=1")
    assert done.stdout == f"{version('tornado')} 1.0\n", done.stderr


def test_the_packages_that_run_the_notebook_are_not_upgraded(tmp_path: Path) -> None:
    done = installed_by_a_notebook(tmp_path, "lacking", "tornado>=99")
    assert done.returncode == 1
    assert f"NotebookError: pip cannot install {WHEEL}: " in done.stderr
    [info] = (tmp_path / "python" / "lib").glob("python*/site-packages/tornado-*.dist-info")
    assert info.name == f"tornado-{version('tornado')}.dist-info"
