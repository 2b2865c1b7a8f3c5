"""Code of others runs only if approved: `work` refuses it, `trust` shows and approves it."""

import json
from pathlib import Path

import pytest

from colabctl.code.frozen import Code
from tests.notebook.notebooks import content
from tests.processes import Project

SWEEP = "method: grid\nprogram: train.py:train\nparameters: {x: {values: [1, 2]}}\n"
TRAIN = "def train(params, task):\n    return {'y': params['x'] * 2}\n"


@pytest.fixture
def bens(project: Project, tmp_path: Path) -> dict[str, str]:
    """Declare a sweep as ana, and return the environment of ben, on a machine of his own."""
    project.declare("first", SWEEP, TRAIN)
    return {"COLABCTL_APPROVALS": str(tmp_path / "bens"), "COLABCTL_MEMBER": "ben"}


def forge(project: Project, sweep: str, name: str, data: bytes) -> None:
    """Put a file into a sweep's code by hand, where no check of `sweep` sees it."""
    place = project.root / "sweeps" / sweep
    code = Code({"train.py": TRAIN.encode(), name: data})
    (place / "code" / name).write_bytes(data)
    plan = json.loads((place / "plan.json").read_text())
    (place / "plan.json").write_text(
        json.dumps({**plan, "code_digest": code.digest, "code_files": [*code.files]})
    )


def test_the_member_who_declared_a_sweep_may_run_it(project: Project) -> None:
    project.write("s.yaml", SWEEP)
    project.write("train.py", TRAIN)
    assert project.run("sweep", "s.yaml").code == 0
    assert project.run("work", "s").code == 0


def test_code_of_others_is_refused_with_the_next_step(
    project: Project, bens: dict[str, str]
) -> None:
    refused = project.run("work", "first", **bens)
    assert refused.code == 1
    assert refused.err.startswith(
        "colabctl: sweep first runs code that you have neither declared nor approved "
        "(declared by ana, digest "
    )
    assert refused.err.endswith("approve it: colabctl trust first\n")
    assert project.results("first") == []


def test_work_without_names_skips_code_that_is_not_approved(
    project: Project, bens: dict[str, str]
) -> None:
    worked = project.run("work", **bens)
    assert worked.code == 0
    assert "note: sweep first runs code that you have neither" in worked.err
    assert "no sweep has tasks to run" in worked.err


def test_trust_shows_the_code_and_approves_it_only_with_consent(
    project: Project, bens: dict[str, str]
) -> None:
    looked = project.run("trust", "first", **bens)
    assert (looked.code, "def train(params, task):" in looked.out) == (1, True)
    assert looked.err.splitlines()[-1] == (
        "colabctl: not approved; to approve it: colabctl trust first --yes"
    )
    assert project.run("trust", "first", "--json", **bens).code == 0  # it only asks
    assert project.run("work", "first", **bens).code == 1
    assert project.run("trust", "first", "--yes", **bens).code == 0
    assert project.run("work", "first", **bens).code == 0
    assert [row["member"] for row in project.results("first")] == ["ben", "ben"]


def test_trust_shows_the_changes_since_the_last_approval(
    project: Project, bens: dict[str, str]
) -> None:
    project.run("trust", "first", "--yes", **bens)
    project.declare("second", SWEEP, TRAIN.replace("* 2", "* 3"))
    looked = project.run("trust", "second", **bens)
    assert "changed since you approved it for first" in looked.out
    lines = looked.out.splitlines()
    assert "-    return {'y': params['x'] * 2}" in lines
    assert "+    return {'y': params['x'] * 3}" in lines
    assert "def train" not in "".join(line for line in lines if line.startswith(("+", "-")))


def test_the_cells_of_a_notebook_are_shown_and_compared(
    project: Project, bens: dict[str, str]
) -> None:
    sweep = SWEEP.replace("train.py:train", "MAIN.ipynb")
    parameters = "# parameters\nx = 0"
    project.declare("main", sweep, content("import os", parameters, ("x + 1", "odd")).decode())
    looked = project.run("trust", "main", "--yes", **bens)
    assert (
        "# %% 1\n    import os\n\n# %% 2\n    # parameters\n    x = 0\n\n"
        '# %% 3 tags: ["odd"]\n    x + 1\n'
    ) in looked.out
    assert "cell_type" not in looked.out
    changed = content("import sys", "import os", parameters, "x + 2")
    project.declare("again", sweep, changed.decode())
    lines = project.run("trust", "again", "--yes", **bens).out.splitlines()
    assert [line for line in lines if line.startswith(("+", "-"))] == [
        "--- approved/MAIN.ipynb",
        "+++ now/MAIN.ipynb",
        "+# %%",
        "+    import sys",
        "+",
        '-# %% tags: ["odd"]',
        "-    x + 1",
        "+# %%",
        "+    x + 2",
    ]


def test_a_notebook_that_a_command_reads_is_shown_as_the_command_reads_it(
    project: Project, bens: dict[str, str]
) -> None:
    sweep = SWEEP.replace("train.py:train", "MAIN.ipynb")
    notebook = content("# parameters\nx = 0").decode()
    project.declare("main", sweep, notebook)
    looked = project.run("trust", "main", "--yes", **bens).out
    assert "sweep main: MAIN.ipynb, a notebook, run once for each task\n" in looked
    project.declare("other", sweep + "command: [bash, MAIN.ipynb]\n", notebook)
    looked = project.run("trust", "other", **bens).out
    assert "sweep other: MAIN.ipynb, a program, started for each task\n" in looked
    assert "the same" not in looked


def test_of_a_notebook_only_what_runs_is_frozen_and_shown(
    project: Project, bens: dict[str, str]
) -> None:
    node = json.loads(content("import os"))
    node["metadata"]["payload"] = "rm -rf ~"
    project.write("further.ipynb", json.dumps(node))
    project.declare("first2", f"{SWEEP}code: [further.ipynb]\n", TRAIN)
    looked = project.run("trust", "first2", **bens).out
    assert '"import os"' in looked
    assert "payload" not in looked


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (b"s = '\\r'\n", b"s = '\r'\n", "+s = '<U+000D>'"),
        (b"s = '\\xff'\n", b"s = '\xff'\n", "+s = '<U+DCFF>'"),
        (b"x = 1\n", b"x = 1", "@@ -1,2 +1 @@"),
        (b"x = 1\n", b"x = 1\r\n", "+x = 1<U+000D>"),
        (b"", None, "@@ -1 +0,0 @@"),
        (
            b"# coding: raw_unicode_escape\ns = 'A'\n",
            b"# coding: raw_unicode_escape\ns = '\\u0041'\n",
            "more.py: only bytes changed that look alike here",
        ),
    ],
)
def test_different_files_never_look_the_same(
    project: Project, bens: dict[str, str], before: bytes, after: bytes | None, expected: str
) -> None:
    forge(project, "first", "more.py", before)
    project.run("trust", "first", "--yes", **bens)
    project.declare("second", SWEEP, TRAIN)
    if after is not None:
        forge(project, "second", "more.py", after)
    shown = project.run("trust", "second", **bens).out
    assert expected in shown.splitlines()
    assert "the same" not in shown


def test_a_new_way_to_run_is_shown_even_if_no_file_has_changed(
    project: Project, bens: dict[str, str]
) -> None:
    project.run("trust", "first", "--yes", **bens)
    plan = project.root / "sweeps/first/plan.json"
    plan.write_text(json.dumps({**json.loads(plan.read_text()), "kind": "objective"}))
    shown = project.run("trust", "first", **bens).out
    assert "an Optuna objective, called for each task" in shown
    assert {'-kind: "function"', '+kind: "objective"'} <= set(shown.splitlines())


@pytest.mark.parametrize("lines", ["", "\r"])
def test_code_that_an_encoding_hides_is_shown(
    project: Project, bens: dict[str, str], lines: str
) -> None:
    code = f"{lines}# -*- coding: raw_unicode_escape -*-\n# \\u000aimport os\n"
    forge(project, "first", "more.py", code.encode())
    shown = project.run("trust", "first", **bens).out.splitlines()
    assert "import os" in shown
    assert "(shown as raw_unicode_escape, the encoding in which Python reads it)" in shown


def test_an_unknown_encoding_is_noted(project: Project, bens: dict[str, str]) -> None:
    forge(project, "first", "more.py", b"# coding: made-up\n")
    shown = project.run("trust", "first", **bens).out
    assert (
        "(shown as UTF-8, but Python may read it differently: unknown encoding: made-up)" in shown
    )


def test_code_is_shown_unchanged_in_a_diff_too(project: Project, bens: dict[str, str]) -> None:
    project.run("trust", "first", "--yes", **bens)
    project.declare("second", SWEEP, f"{TRAIN}x = params[:warning:]  # [bold]\n")
    assert "+x = params[:warning:]  # [bold]" in project.run("trust", "second", **bens).out


def test_names_of_others_cannot_forge_lines(project: Project, bens: dict[str, str]) -> None:
    plan = project.root / "sweeps/first/plan.json"
    forged = "ana\ndigest:  0\ttoo"
    plan.write_text(json.dumps({**json.loads(plan.read_text()), "declared_by": forged}))
    shown = project.run("trust", "first", **bens).out
    assert "declared by ana\\ndigest:  0\\ttoo on" in shown


def test_the_next_step_can_be_pasted_into_a_shell(project: Project, bens: dict[str, str]) -> None:
    project.declare("two words", SWEEP, TRAIN)
    assert "colabctl trust 'two words' --yes\n" in project.run("trust", "two words", **bens).err
    done = project.run("trust", "two words", "--yes", **bens)
    assert done.err.endswith("run it: colabctl work 'two words'\n")


def test_another_command_for_the_same_code_needs_another_approval(
    project: Project, bens: dict[str, str]
) -> None:
    plain = SWEEP.replace("train.py:train", "train.py")
    project.declare("plain", plain, TRAIN)
    project.run("trust", "plain", "--yes", **bens)
    project.declare("evil", plain + 'command: [bash, -c, "rm -rf ~"]\n', TRAIN)
    assert project.run("work", "evil", **bens).code == 1
    assert "+bash -c 'rm -rf ~'" in project.run("trust", "evil", **bens).out


def test_a_digest_that_was_shown_before_can_be_approved(
    project: Project, bens: dict[str, str]
) -> None:
    answer = project.run("trust", "first", "--json", **bens).json
    assert (answer["sweep"], answer["approved"]) == ("first", False)
    wrong = project.run("work", "first", "--trust-digest", "0" * 64, **bens)
    assert wrong.code == 1
    right = project.run("work", "first", "--trust-digest", answer["digest"], **bens)
    assert right.code == 0
    assert len(project.results("first")) == 2


def test_code_that_was_changed_after_the_approval_does_not_run(
    project: Project, bens: dict[str, str]
) -> None:
    project.run("trust", "first", "--yes", **bens)
    code = project.root / "sweeps/first/code/train.py"
    code.write_text(TRAIN.replace("* 2", "* 666"))
    assert "digest differs" in project.run("work", "first", **bens).err
    plan = project.root / "sweeps/first/plan.json"  # who changes the one can change the other
    parts = json.loads(plan.read_text())
    parts["command"] = ["bash", "-c", "rm -rf ~"]
    plan.write_text(json.dumps(parts))
    assert "neither declared nor approved" in project.run("work", "first", **bens).err


def test_code_cannot_hide_the_rest_on_the_terminal(project: Project, bens: dict[str, str]) -> None:
    project.declare("sly", SWEEP, TRAIN + "evil = 1  # \x1b[2K\x1b[1A harmless \u202e\n")
    shown = project.run("trust", "sly", **bens).out
    assert "evil = 1" in shown
    assert not set(shown) & {"\x1b", "\r", "\u202e"}


def test_approvals_are_not_saved_where_others_can_write(project: Project) -> None:
    project.declare("first", SWEEP, TRAIN)
    inside = str(project.root / "approvals")
    refused = project.run("work", "first", COLABCTL_APPROVALS=inside)
    assert refused.code == 1
    assert "other members can write in the project" in refused.err


def test_a_sweep_is_declared_even_if_its_approval_cannot_be_saved(
    project: Project, tmp_path: Path
) -> None:
    project.write("s.yaml", SWEEP)
    project.write("train.py", TRAIN)
    (tmp_path / "file").touch()
    nowhere = {"COLABCTL_APPROVALS": str(tmp_path / "file/inside")}
    declared = project.run("sweep", "s.yaml", **nowhere)
    assert (declared.code, declared.out) == (0, "s: 2 tasks, declared\n")
    assert "your approval cannot be saved in" in declared.err
    assert project.run("work", "s", **nowhere).code == 1


def test_status_lists_the_code_that_changed_since_the_declaration(project: Project) -> None:
    project.declare("first", SWEEP, TRAIN)
    assert project.run("status", "first", "--json").json["changed"] == []
    project.write("train.py", TRAIN.replace("* 2", "* 3"))
    assert project.run("status", "first", "--json").json["changed"] == ["train.py"]
    assert "changed since the sweep was declared: " in project.run("status", "first").out
    assert project.run("work", "first").code == 0
    assert [row["metrics"]["y"] for row in project.results("first")] == [2, 4]


def test_parameters_in_the_command_and_files_that_configure_programs_are_warned_of(
    project: Project, bens: dict[str, str]
) -> None:
    plain = SWEEP.replace("train.py:train", "train.py")
    project.write("Makefile", "all:\n\techo made\n")
    command = 'code: [Makefile]\ncommand: [bash, -c, "python train.py ${args}"]\n'
    project.declare("text", plain + command, TRAIN)
    shown = project.run("trust", "text", **bens).out
    assert "warning: the command puts parameters into shell text" in shown
    assert "warning: read as code, because programs read them when they start: Makefile" in shown
    assert "warning" not in project.run("trust", "first", **bens).out


def test_a_command_that_others_changed_so_that_parameters_are_code_runs_no_task(
    project: Project, bens: dict[str, str]
) -> None:
    project.declare("own", SWEEP.replace("train.py:train", "train.py"), TRAIN)
    plan = project.root / "sweeps/own/plan.json"
    command = ["bash", "-c", "touch ran; eval ${x}"]
    plan.write_text(json.dumps({**json.loads(plan.read_text()), "command": command}))
    shown = project.run("trust", "own", "--yes", **bens).out
    assert "warning: no task will run: command[2]: ${x} is in shell text with 'touch ran'" in shown
    project.run("work", "own", **bens)
    assert "${x} is in shell text" in project.results("own")[0]["error"]
    assert not (project.root / "ran").exists()
