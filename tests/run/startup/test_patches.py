"""google.colab in a task's Python processes: it answers at once, without a browser."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from colabctl.run import startup
from tests.processes import PATIENCE
from tests.run.colab import colab_here


@pytest.fixture
def environ(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Give the variables of a task on a machine that has google.colab, and no account in it."""
    with colab_here():
        yield startup.environ({**os.environ, "CLOUDSDK_CONFIG": str(tmp_path)})


def run(
    program: str, environ: Mapping[str, str], *options: str
) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, *options, "-c", program]
    return subprocess.run(
        command, env=environ, capture_output=True, text=True, check=False, timeout=PATIENCE
    )


def answer(expression: str, environ: Mapping[str, str]) -> Any:
    """Evaluate an expression of google.colab's modules; give its value, or its exception's text."""
    program = (
        "import json\n"
        "from google.colab import auth, drive, files, runtime, userdata\n"
        f"try: value = {expression}\n"
        "except userdata.SecretNotFoundError as none: value = ['no secret', str(none)]\n"
        "except RuntimeError as wrong: value = ['error', str(wrong)]\n"
        "print(json.dumps(value))"
    )
    ran = run(program, environ)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def test_mounting_a_mounted_drive_returns_at_once(environ: dict[str, str]) -> None:
    assert answer("drive.mount('/')", environ) is None
    assert answer("drive.mount('/', force_remount=True)", environ) is None


def test_mounting_a_drive_that_is_not_mounted_is_refused_with_the_fix(
    environ: dict[str, str], tmp_path: Path
) -> None:
    kind, text = answer(f"drive.mount({str(tmp_path)!r})", environ)
    assert kind == "error"
    assert text.startswith(f"no Drive is mounted at {tmp_path}")
    assert "mount it in the worker's notebook" in text


def test_secrets_come_from_the_environment(environ: dict[str, str]) -> None:
    assert answer("userdata.get('TOKEN')", {**environ, "TOKEN": "abc"}) == "abc"


def test_a_secret_that_is_not_there_raises_what_colab_raises(environ: dict[str, str]) -> None:
    kind, text = answer("userdata.get('TOKEN')", environ)
    assert kind == "no secret"
    assert text.startswith("secret TOKEN is not in the environment; add it to `secrets:`")


def test_an_account_is_not_asked_for_but_used_if_it_is_there(
    environ: dict[str, str], tmp_path: Path
) -> None:
    kind, text = answer("auth.authenticate_user()", environ)
    assert kind == "error"
    assert "auth.authenticate_user() in the worker's notebook" in text
    (tmp_path / "application_default_credentials.json").write_text("{}")
    assert answer("auth.authenticate_user()", environ) is None


def test_a_task_cannot_take_the_drive_or_the_machine_from_the_worker(
    environ: dict[str, str],
) -> None:
    assert answer("drive.flush_and_unmount()", environ) is None
    assert answer("runtime.unassign()", environ) is None


def test_whatever_else_asks_the_browser_is_refused(environ: dict[str, str]) -> None:
    asked = "__import__('google.colab._message').colab._message.blocking_request"
    for question, what in {
        f"{asked}('eval_js', request={{'code': '1'}})": "'eval_js'",
        f"{asked}(request='')": "'this'",
    }.items():
        kind, text = answer(question, environ)
        assert kind == "error"
        assert text.startswith(
            f"google.colab asks the browser for {what}, but a task has no browser"
        )


def test_a_file_cannot_be_uploaded_and_a_download_goes_to_the_task_s_folder(
    environ: dict[str, str], tmp_path: Path
) -> None:
    kind, text = answer("files.upload()", environ)
    assert kind == "error"
    assert text.endswith("put the file into the project, and read it from there")
    (tmp_path / "model.bin").write_text("weights")
    call = f"files.download({str(tmp_path / 'model.bin')!r})"
    assert answer(call, environ) is None
    assert answer(call, {**environ, "COLABCTL_FOLDER": str(tmp_path / "task")}) is None
    assert (tmp_path / "task" / "model.bin").read_text() == "weights"


# -- a machine without google.colab ---------------------------------------------------------------


@pytest.fixture
def elsewhere(tmp_path: Path) -> dict[str, str]:
    """Give the variables of a notebook's task that needs google.colab, where it is not installed."""
    account = {"CLOUDSDK_CONFIG": str(tmp_path), "GOOGLE_APPLICATION_CREDENTIALS": ""}
    return startup.environ({**os.environ, **account, "COLABCTL_STAND_IN": "google.colab"})


def test_a_stand_in_answers_where_google_colab_is_not_installed(elsewhere: dict[str, str]) -> None:
    assert answer("drive.mount('/content/drive')", elsewhere) is None
    assert answer("drive.flush_and_unmount()", elsewhere) is None
    assert answer("runtime.unassign()", elsewhere) is None
    assert answer("userdata.get('TOKEN')", {**elsewhere, "TOKEN": "abc"}) == "abc"
    assert answer("userdata.get('TOKEN')", elsewhere)[0] == "no secret"
    assert answer("files.upload()", elsewhere)[0] == "error"
    kind, text = answer("auth.authenticate_user()", elsewhere)
    assert (kind, "gcloud auth application-default login" in text) == ("error", True)


@pytest.mark.parametrize(
    "program",
    [
        "import google.colab; google.colab.drive.mount('/content/drive')",
        "from google import colab; colab.output.clear()",
        "from google.colab import *",
        "from google.colab.patches import cv2_imshow",
        "from google.colab import data_table; assert data_table.DataTable(3) == 3",
        "from google.colab import widgets\nwith widgets.TabBar(['a']).output_to(0): print(1)",
        "from google.colab import output\nwith output.use_tags('x'): output.register_callback('f', 1)",
        "from google.colab import userdata, drive; drive.mount('/x'); assert not hasattr(userdata, 'mount')",
        "import google.protobuf",
    ],
)
def test_the_stand_in_has_what_notebooks_import(elsewhere: dict[str, str], program: str) -> None:
    ran = run(program, elsewhere)
    assert ran.returncode == 0, ran.stderr


def test_the_stand_in_says_what_it_does_not_have(elsewhere: dict[str, str]) -> None:
    ran = run("from google.colab import nothing", elsewhere)
    assert "cannot import name 'nothing' from 'google.colab'" in ran.stderr
    ran = run("from google.colab import output; output.eval_js('1')", elsewhere)
    assert "output.eval_js needs a browser" in ran.stderr


def test_the_real_package_wins_over_the_stand_in(environ: dict[str, str]) -> None:
    program = "import google.colab; print(google.colab.__file__)"
    both = {**environ, "COLABCTL_STAND_IN": "google.colab"}
    assert "standin" in run(program, both).stdout


def test_without_need_there_is_no_stand_in() -> None:
    assert "ModuleNotFoundError" in run("import google.colab", startup.environ(os.environ)).stderr


# -- how Python is started ------------------------------------------------------------------------


@pytest.mark.parametrize("options", [(), ("-P",), ("-u", "-W", "error")])
def test_it_works_however_python_is_started(
    environ: dict[str, str], options: tuple[str, ...]
) -> None:
    program = "from google.colab.drive import mount; mount('/'); import sys; print(sys.path)"
    ran = run(program, environ, *options)
    assert ran.stdout.startswith("Drive already mounted at /.\n"), ran.stderr
    assert "startup" not in ran.stdout  # nothing is left on the path


def test_it_reaches_the_children_of_children(environ: dict[str, str]) -> None:
    inner = "from google.colab import drive; drive.mount('/')"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    assert run(outer, environ).stdout == "Drive already mounted at /.\n"


def test_the_machine_s_own_sitecustomize_still_runs(
    environ: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import builtins; builtins.own = 'own'\n")
    both = {**environ, "PYTHONPATH": environ["PYTHONPATH"] + os.pathsep + str(tmp_path)}
    ran = run("import sitecustomize; print(own, sitecustomize.__file__)", both)
    assert ran.stdout == f"own {tmp_path / 'sitecustomize.py'}\n"


def test_nothing_is_imported_that_a_program_does_not_ask_for(environ: dict[str, str]) -> None:
    ran = run("import sys; print([name for name in sys.modules if 'google' in name])", environ)
    assert ran.stdout == "[]\n"


def test_doing_it_twice_is_doing_it_once(environ: dict[str, str]) -> None:
    assert startup.environ(environ) == environ


# -- where modules are looked for -----------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a current folder in which others have put modules."""
    for name in ("pip", "joblib", "planted"):
        (tmp_path / f"{name}.py").write_text("print('planted')")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "arguments", [("-m", "pip", "--version"), ("-c", "import pip"), ("-m", "planted")]
)
def test_nothing_is_imported_from_the_current_folder(
    folder: Path, arguments: tuple[str, ...]
) -> None:
    command = [sys.executable, *arguments]
    environ = startup.environ(os.environ)
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert ran.stdout != "planted\n"
    assert (
        subprocess.run(command, capture_output=True, text=True, check=False).stdout == "planted\n"
    )


def test_a_script_finds_the_modules_next_to_it(folder: Path) -> None:
    (folder / "tools").mkdir()
    (folder / "tools" / "script.py").write_text("import neighbour, sys; print(sys.path.count(''))")
    (folder / "tools" / "neighbour.py").write_text("")
    command = [sys.executable, "tools/script.py"]
    environ = startup.environ(os.environ)
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("0\n", "")
