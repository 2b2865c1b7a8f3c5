"""Only frozen code of the project is imported and run."""

import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.run.workspace.scene import Scene

FILES = {
    "main.py": "",
    "lib/frozen.py": "WHERE = 'frozen'",
    "live.py": "WHERE = 'live'",
    "tools/live.py": "WHERE = 'live'",
    "pkg/__init__.py": "",
    "pkg/live.py": "WHERE = 'live'",
    "whole/__init__.py": "",
    "whole/inner/__init__.py": "",
}
FROZEN = ["main.py", "lib/frozen.py", "pkg/__init__.py"]
SPEC = (
    "import importlib.util as u; s = u.spec_from_file_location('m', {}); "
    "s.loader.exec_module(u.module_from_spec(s))"
)


@pytest.fixture
def here(scene: Callable[..., Scene]) -> Scene:
    """Give a project with code of which some is frozen."""
    made = scene(FILES, FROZEN)
    (made.project / "lib/frozen.py").write_text("WHERE = 'changed since'")
    return made


@pytest.mark.parametrize(
    ("statement", "module", "file", "fix"),
    [
        ("import live", "live", "live.py", "live.py"),
        ("import tools.live", "tools.live", "tools/live.py", "tools/live.py"),
        ("from pkg import live", "pkg.live", "pkg/live.py", "pkg/live.py"),
        ("import whole.inner", "whole", "whole", "whole"),
        ("sys.path.insert(0, 'tools'); import live", "live", "tools/live.py", "tools/live.py"),
        ("sys.path.insert(0, REAL + '/tools'); import live", "live", "tools/live.py", "tools/live.py"),
        ("sys.path.insert(0, REAL); import live", "live", "live.py", "live.py"),
        (SPEC.format("REAL + '/live.py'"), "m", "live.py", "live.py"),
        (SPEC.format("'tools/live.py'"), "m", "tools/live.py", "tools/live.py"),
        ("import runpy; runpy.run_path('tools/live.py')", "live.py", "tools/live.py", "tools/live.py"),
        ("import runpy; runpy.run_module('tools.live')", "tools.live", "tools/live.py", "tools/live.py"),
        ("os.chdir('tools'); sys.path.insert(0, ''); import live", "live", "tools/live.py", "tools/live.py"),
    ],
)  # fmt: skip
def test_code_that_is_not_frozen_is_refused_with_its_file_and_the_fix(
    here: Scene, statement: str, module: str, file: str, fix: str
) -> None:
    ran = here.started(f"import os, sys; REAL = os.environ['COLABCTL_ROOT']\n{statement}")
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1] == (
        f"ImportError: {module} is {file} in the project, which is not frozen with the sweep, so it "
        f"may have changed and does not run; add `code: [{fix}]` to the sweep file, and declare the "
        "sweep under another name"
    )


@pytest.mark.parametrize(
    "arguments",
    [["tools/live.py"], ["-m", "tools.live"], ["-c", "import live"], ["{project}/live.py"]],
)
def test_a_process_of_a_task_refuses_it_too(here: Scene, arguments: list[str]) -> None:
    ran = process(here, *arguments)
    assert ran.returncode == 1
    assert "which is not frozen with the sweep" in ran.stderr


def process(here: Scene, *arguments: str, folder: str = ".") -> "subprocess.CompletedProcess[str]":
    arguments = tuple(argument.format(project=here.project) for argument in arguments)
    environ = {**here.environ()}
    environ["PYTHONPATH"] = f"{environ['PYTHONPATH']}:{here.workspace}"
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=here.workspace / folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    "statement",
    [
        "sys.path.insert(0, 'lib'); import frozen",
        "sys.path.insert(0, REAL + '/lib'); import frozen",
        "import lib.frozen as frozen",
        "import importlib.util as u; s = u.spec_from_file_location('m', REAL + '/lib/frozen.py'); frozen = u.module_from_spec(s); s.loader.exec_module(frozen)",
        "import runpy, types; frozen = types.SimpleNamespace(**runpy.run_path(REAL + '/lib/frozen.py'))",
    ],
)  # fmt: skip
def test_frozen_code_is_found_under_the_project_s_paths_as_well(
    here: Scene, statement: str
) -> None:
    said = here.python(
        f"import os, sys; REAL = os.environ['COLABCTL_ROOT']\n{statement}\nprint(frozen.WHERE)"
    )
    assert said == "frozen\n"


def test_a_script_of_the_project_is_run_as_its_frozen_copy(here: Scene) -> None:
    (here.project / "main.py").write_text("print('changed since')")
    (here.workspace / "main.py").write_text("import sys; print('frozen', *sys.argv[1:])")
    assert process(here, "{project}/main.py", "a", "b").stdout == "frozen a b\n"
    (here.project / "data").mkdir()
    (here.workspace / "data").symlink_to(here.project / "data")
    assert process(here, "-u", "../main.py", folder="data").stdout == "frozen\n"


@pytest.mark.parametrize(
    "statement",
    [
        "Path('made.py').write_text('X = 1'); import made",
        "Path('tools/made.py').write_text('X = 1'); import tools.made as made",
        "Path('part').write_text('X = 1'); os.replace('part', 'made.py'); import made",
        "os.mkdir('new'); Path('new/made.py').write_text('X = 1'); import new.made as made",
        "os.system('mkdir new; echo X = 1 > new/made.py'); import new.made as made",
        "os.chdir('tools'); Path('made.py').write_text('X = 1'); sys.path.insert(0, ''); import made; os.chdir('..')",
    ],
)  # fmt: skip
def test_code_that_the_task_itself_creates_can_be_imported(here: Scene, statement: str) -> None:
    said = here.python(
        f"import os, sys\nfrom pathlib import Path\n{statement}\nprint(made.X, os.listdir('tools'))"
    )
    assert said.startswith("1 ")
    assert "live.py" not in said or "tools/" not in statement


def test_packages_of_an_environment_in_the_project_are_not_its_code(here: Scene) -> None:
    packages = here.project / ".venv/lib/python3/site-packages"
    packages.mkdir(parents=True)
    (packages / "thirdparty.py").write_text("X = 1")
    here.python(
        "import os, sys\n"
        "sys.path.append(os.environ['COLABCTL_ROOT'] + '/.venv/lib/python3/site-packages')\n"
        "import thirdparty"
    )


def test_code_behind_a_link_out_of_the_project_is_not_imported(here: Scene, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/far.py").write_text("")
    (here.project / "linked").symlink_to(tmp_path / "elsewhere")
    (here.workspace / "linked").symlink_to(here.project / "linked")
    assert "linked/far.py in the project" in here.started("import linked.far").stderr


def test_code_in_an_archive_of_the_project_is_not_imported(here: Scene) -> None:
    with zipfile.ZipFile(here.project / "lib.zip", "w") as archive:
        archive.writestr("packed.py", "X = 1")
    ran = here.started(f"import sys; sys.path.insert(0, '{here.project}/lib.zip'); import packed")
    assert "packed is lib.zip in the project" in ran.stderr


def test_a_module_that_does_not_exist_is_missing_as_usual(here: Scene) -> None:
    ran = here.started("import nothing_like_this")
    assert ran.stderr.endswith("ModuleNotFoundError: No module named 'nothing_like_this'\n")
    assert here.python("import importlib.util as u; print(u.find_spec('nothing'))") == "None\n"
