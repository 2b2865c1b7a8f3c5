"""How a process ended, in words that are known to be true."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from colabctl.run import termination
from colabctl.run.termination import end_group, how_it_ended, oom_kills
from tests.processes import linux


def test_an_exit_code_is_told_with_the_signal_that_a_shell_means() -> None:
    assert how_it_ended(3) == "ended with exit code 3"
    assert how_it_ended(-signal.SIGTERM) == "was killed by SIGTERM"
    assert how_it_ended(128 + signal.SIGSEGV) == "ended with exit code 139 (SIGSEGV)"


def test_memory_is_named_only_if_the_system_has_counted_a_kill_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vmstat = tmp_path / "vmstat"
    monkeypatch.setattr(termination, "_MACHINE", vmstat)
    monkeypatch.setattr(termination, "_GROUPS", tmp_path)
    assert oom_kills() == 0
    vmstat.write_text("nr_free_pages 100\noom_kill 7\n")
    before = oom_kills()
    assert before == 7
    assert how_it_ended(-signal.SIGKILL, before) == "was killed by SIGKILL"
    vmstat.write_text("nr_free_pages 100\noom_kill 8\n")
    memory = "was killed by SIGKILL: the machine ran out of memory"
    assert how_it_ended(-signal.SIGKILL, before) == memory
    assert how_it_ended(137, before) == "ended with exit code 137: the machine ran out of memory"
    assert how_it_ended(-signal.SIGTERM, before) == "was killed by SIGTERM"


@linux
def test_a_process_that_has_closed_its_pipe_ends_by_itself() -> None:
    program = "import os, sys; os.close(1); sys.exit(7)"
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.read() == b""
        assert end_group(process, 0) == "ended with exit code 7"


@linux
def test_a_process_that_lives_on_without_its_pipe_is_not_said_to_be_killed() -> None:
    program = "import os, time; os.close(1); time.sleep(600)"
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.read() == b""
        assert end_group(process, 0) == "closed its connection to the worker"
        assert process.returncode == -signal.SIGKILL
