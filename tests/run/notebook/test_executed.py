"""The executed notebook that is saved for a task."""

from pathlib import Path
from typing import Any

import pytest

from colabctl.run.notebook import runner as notebooks
from tests.run.notebook.lab import DONE, Lab, lab_at


def test_the_executed_notebook_shows_where_a_task_failed(lab: Lab) -> None:
    node = lab.run("print('before')", "1/0", "print('never')").executed
    top, *_, banner, failed, never = node.cells
    assert "cell 3: ZeroDivisionError: division by zero" in top.source
    assert 'href="#colabctl-failed"' in top.source
    assert 'id="colabctl-failed"' in banner.source
    assert failed.metadata.tags == ["colabctl-failed"]
    assert failed.outputs[0].output_type == "error"
    assert never.outputs == []


def test_of_much_output_the_beginning_and_the_end_are_kept(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = lab.run("for n in range(100_000): print(n)\nprint('y' * 1_000_000)", DONE)
    (beginning, note, end) = ran.executed.cells[2].outputs
    assert beginning.text.startswith("0\n1\n2\n")
    assert "characters of output are left out" in note.text
    assert end.text.endswith("yyy\n")
    assert (ran.folder / "executed.ipynb").stat().st_size < 130_000
    assert len(capsys.readouterr().out) > 1_500_000  # the log has it all


def test_only_failed_tasks_leave_a_notebook_unless_all_should(tmp_path: Path) -> None:
    with lab_at(tmp_path) as one:
        assert not one.run(DONE).folder.exists()
        assert one.run("1/0").folder.exists()


def test_a_notebook_that_cannot_be_kept_changes_no_outcome(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(notebooks, "write_once", full)
    assert lab.run(DONE).outcome == "done"
    assert "cannot write executed.ipynb: [Errno 28] No space left" in capsys.readouterr().err


def test_a_secret_that_is_shown_is_neither_kept_nor_echoed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    token = 'ab"c\\d'
    monkeypatch.setenv("MY_TOKEN", token)
    shown = (
        "from IPython.display import display\n"
        "display({'application/json': {token: [token]}, 'text/plain': token}, raw=True)"
    )
    with lab_at(tmp_path, keep="all", most_output=800, secrets=("MY_TOKEN",)) as one:
        ran = one.run("import os\ntoken = os.environ['MY_TOKEN']\nprint(token)", shown, DONE)
        cut = one.run("import os\nprint('x' * 397 + os.environ['MY_TOKEN'] + 'y' * 2000)")
        failed = one.run("import os\nraise ValueError('x' * 397 + os.environ['MY_TOKEN'])")
    assert ran.executed.cells[2].outputs[0].text == "[MY_TOKEN]\n"
    [display] = ran.executed.cells[3].outputs
    assert display.data == {
        "application/json": {"[MY_TOKEN]": ["[MY_TOKEN]"]},
        "text/plain": "[MY_TOKEN]",
    }
    assert cut.executed.cells[2].outputs[0].text == "x" * 397 + "[MY"
    assert failed.error.endswith("x[MY")
    out = capsys.readouterr().out
    assert token not in out
    assert "[MY_TOKEN]" in out
