"""Files that another member puts into the project do not configure what a worker starts."""

import os
import shutil
from pathlib import Path

import pytest

from tests.processes import Project
from tests.run.test_program import form

needs_r = pytest.mark.skipif(
    not shutil.which("Rscript") and "CI" not in os.environ, reason="needs R"
)


def hostile(project: Project, marker: Path) -> None:
    """Write what another member could, each of which would create a file."""
    touch = f"touch {marker}"
    for name, text in {
        ".Rprofile": f"system('{touch}')\n",
        ".Renviron": "R_DEFAULT_PACKAGES=evil\n",
        ".pdbrc": f"import os; os.system('{touch}')\n",
        "Makefile": f"all:\n\t{touch}\n",
        ".npmrc": f"script-shell={marker}\n",
        "package.json": f'{{"type": "module", "scripts": {{"t": "{touch}"}}}}',
        "matplotlibrc": "backend: module://evil\n",
        "evil.py": f"import os; os.system('{touch}')\n",
        "sitecustomize.py": f"import os; os.system('{touch}')\n",
        "usercustomize.py": f"import os; os.system('{touch}')\n",
        "ipython_config.py": f"import os; os.system('{touch}')\n",
        ".env": f"BASH_ENV={project.root}/env.sh\n",
        "env.sh": f"{touch}\n",
        ".git/HEAD": "ref: refs/heads/main\n",
        ".git/config": f'[core]\n\tfsmonitor = "{touch}; false"\n',
        ".git/objects/.keep": "",
        ".git/refs/.keep": "",
    }.items():
        project.write(name, text)


@needs_r
def test_an_r_program_does_not_read_them(project: Project, tmp_path: Path) -> None:
    program = """
system("Rscript -e 1")
writeLines('{"score": 1}', Sys.getenv("COLABCTL_RESULT"))
"""
    project.declare("r", form("train.R"), program)
    hostile(project, tmp_path / "ran")
    assert project.run("work", "r").code == 0
    assert [row["metrics"] for row in project.results("r")] == [{"score": 1}]
    assert not (tmp_path / "ran").exists()


def test_what_a_shell_program_starts_does_not_read_them(project: Project, tmp_path: Path) -> None:
    program = f"""
git status; make; echo 'breakpoint()' > debugged.py; echo | {shutil.which("python3")} debugged.py
bash -c true; cd data 2>/dev/null && git status
echo '{{"score": 1}}' > "$COLABCTL_RESULT"
"""
    project.declare("sh", form("train.sh"), program)
    hostile(project, tmp_path / "ran")
    assert project.run("work", "sh", BASH_ENV="env.sh").code == 0
    assert not (tmp_path / "ran").exists()


def test_a_python_program_does_not_read_them(project: Project, tmp_path: Path) -> None:
    program = """
import os, subprocess, sys, colabctl
assert not os.path.exists(".env")
subprocess.run(["git", "status"])
subprocess.run([sys.executable, "-c", "import os"], check=True)
subprocess.run([sys.executable, "-m", "json.tool", os.devnull])
print(0 if os.environ["WANDB_DISABLE_GIT"] == "true" else sys.exit("git"))
colabctl.task().done(score=1)
"""
    project.declare("py", form("train.py"), program)
    hostile(project, tmp_path / "ran")
    assert project.run("work", "py").code == 0
    assert [row["metrics"] for row in project.results("py")] == [{"score": 1}]
    assert not (tmp_path / "ran").exists()


def test_parameters_of_a_shell_s_text_are_words(project: Project, tmp_path: Path) -> None:
    text = form("t.sh", command="command: [bash, -c, \"bash ${program} ${x} '${x}'\"]")
    evil = f"1; touch {tmp_path}/ran; '$(touch {tmp_path}/ran)'"
    text = text.replace("values: [0]", f'values: ["{evil}"]')
    project.declare("q", text, 'test "$1" = "$2" && echo "{\\"n\\": $#}" > "$COLABCTL_RESULT"\n')
    assert project.run("work", "q").code == 0
    assert [row["metrics"] for row in project.results("q")] == [{"n": 2}]
    assert not (tmp_path / "ran").exists()
