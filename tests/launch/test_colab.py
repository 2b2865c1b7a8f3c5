"""`workers --launch`: with Google's own command line, and sessions on a real Jupyter server."""

import os
import signal
from pathlib import Path

import pytest

from tests.launch.conftest import KEYS, SWEEP, Colab, declare, sync
from tests.processes import Project, end, until


@pytest.mark.slow  # needs the command line
def test_sessions_work_on_the_sweep_and_their_lines_are_shown(
    stored: Project, colab_account: Colab
) -> None:
    said = stored.run(
        "workers", "first", "--launch", "2", "--gpu", "t4", "--yes", **colab_account.environ
    )
    assert said.code == 0, (said.out, said.err)
    assert "2 sessions in Colab" in said.err
    assert "colab run -s churn-first-ana-1 --gpu T4 --timeout 39600 SCRIPT" in said.err
    assert "Current balance: 42.50 compute units" in said.err
    assert "Colab's terms forbid distributed computing workers" in said.err
    assert "churn-first-ana-1: [colab] Session READY" in said.out
    assert "churn-first-ana-2: [colab] Session terminated." in said.out
    assert colab_account.notes.read_text().split("\n").count("assign T4") == 2
    assert colab_account.notes.read_text().split("\n").count("unassign") == 2
    sync(stored)
    assert [each["metrics"]["y"] for each in stored.results("first")] == [1, 2]


@pytest.mark.slow  # needs the command line
def test_a_session_above_the_plans_limit_is_told_in_googles_words(
    stored: Project, colab_account: Colab
) -> None:
    said = stored.run("workers", "first", "--launch", "3", "--yes", **colab_account.environ)
    assert said.code == 1
    assert "[colab] Allocation refused (precondition failed)." in said.out
    assert "1 session refused: your plan's limit of sessions is reached" in said.err
    assert "colab stop -s NAME" in said.err
    sync(stored)
    assert len(stored.results("first")) == 2


@pytest.mark.slow  # needs the command line
def test_ctrl_c_ends_the_sessions(stored: Project, colab_account: Colab) -> None:
    program = "import time\ndef train(params, task):\n    time.sleep(600)\n"
    declare(stored, "long", SWEEP, program)
    launched = stored.start("workers", "long", "--launch", "1", "--yes", **colab_account.environ)

    def has_started() -> bool:
        sync(stored)
        return bool(stored.status("long")["running"])

    until(has_started, "the first task")
    launched.send_signal(signal.SIGINT)
    said = end(launched)
    assert said.code == 130
    assert "ending the sessions; their claimed tasks become free" in said.out
    assert "unassign" in colab_account.notes.read_text()


@pytest.mark.slow  # needs the command line
def test_without_yes_and_a_terminal_nothing_is_started(
    stored: Project, colab_account: Colab
) -> None:
    said = stored.run("workers", "first", "--launch", "1", **colab_account.environ)
    assert said.code == 1
    assert "nothing was started; on a terminal, answer y, or add --yes" in said.err
    assert colab_account.notes.read_text() == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--gpu", "T5"], "--gpu 'T5' is unknown; did you mean T4?"),
        (["--hours", "25"], "a session of Colab lasts from 0.25 to 24 hours"),
        (["--accelerator", "cpu"], "--accelerator needs --kaggle"),
        (["--release"], "--release is for notebooks in Colab, not for --launch"),
    ],
)
def test_an_impossible_request_is_refused_in_a_line(
    stored: Project, options: list[str], message: str
) -> None:
    refused = stored.run("workers", "first", "--launch", "1", *options, **KEYS)
    assert (refused.code, refused.out) == (1, "")
    assert message in refused.err
    assert refused.err.count("\n") == 1


def test_what_is_missing_is_named(stored: Project, tmp_path: Path) -> None:
    nothing = {"PATH": os.fspath(tmp_path)}
    refused = stored.run("workers", "first", "--launch", "1", "--yes", **nothing, **KEYS)
    assert "Google's command line, colab, is not installed; with Python 3.12" in refused.err
    refused = stored.run("workers", "first", "--launch", "0", **KEYS)
    assert "--launch is 0; give a number of sessions from 1 to 20" in refused.err
