"""Packaging files say where packages are, and which commands a project defines."""

from pathlib import Path

import pytest

from colabctl.code.analysis.packaging import console_scripts, source_folders
from colabctl.code.analysis.tree import Tree
from tests.code.trees import lay_out


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", '[tool.setuptools.packages.find]\nwhere = ["code"]'),
        ("pyproject.toml", '[tool.setuptools]\npackage-dir = {"" = "code"}'),
        ("pyproject.toml", '[tool.setuptools.package-dir]\npkg = "code/pkg"'),
        ("pyproject.toml", '[tool.poetry]\npackages = [{include = "pkg", from = "code"}]'),
        ("setup.cfg", "[options]\npackage_dir =\n  = code"),
        ("setup.cfg", "[options.packages.find]\nwhere = code"),
        ("setup.py", "setup(package_dir={'': 'code'}, packages=find_packages(where='code'))"),
    ],
)
def test_source_folders(name: str, text: str, tmp_path: Path) -> None:
    lay_out(tmp_path, {name: text, "code/pkg/__init__.py": ""})
    assert source_folders(Tree(tmp_path)) == ["code"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", '[project.scripts]\nfit = "pkg.cli:main"'),
        ("pyproject.toml", '[tool.poetry.scripts]\nfit = "pkg.cli:main"'),
        ("setup.cfg", "[options.entry_points]\nconsole_scripts =\n  fit = pkg.cli:main"),
        ("setup.py", "setup(entry_points={'console_scripts': ['fit = pkg.cli:main']})"),
        ("setup.py", "setup(entry_points={'console_scripts': 'fit=pkg.cli:main'})"),
    ],
)
def test_console_scripts(name: str, text: str, tmp_path: Path) -> None:
    lay_out(tmp_path, {name: text})
    assert console_scripts(Tree(tmp_path)) == {"fit": ("pkg.cli", "main")}


@pytest.mark.parametrize("name", ["pyproject.toml", "setup.cfg", "setup.py"])
def test_damaged_packaging_files_say_nothing(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"[[[\xff = (\n")
    assert source_folders(Tree(tmp_path)) == []
    assert console_scripts(Tree(tmp_path)) == {}
