"""Commands as they are typed, in this process where that is enough: it is quicker."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from colabctl.cli import main
from tests.processes import Finished, Project, clean

Say = Callable[..., Finished]


@pytest.fixture
def say(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Say:
    """Run `colabctl ARGUMENTS` in the project, as the member ana."""
    monkeypatch.chdir(project.root)
    for name in os.environ.keys() - clean(os.environ).keys():
        monkeypatch.delenv(name)

    def run(*arguments: str, cwd: Path = project.root, **environ: str) -> Finished:
        monkeypatch.chdir(cwd)
        with monkeypatch.context() as changed:
            changed.setattr(sys, "argv", ["colabctl", *arguments])
            for name, value in {"COLABCTL_MEMBER": "ana", **environ}.items():
                changed.setenv(name, value)
            code: object = 0
            try:
                main()
            except SystemExit as exit_:
                code = exit_.code
        out, err = capsys.readouterr()
        assert isinstance(code, int)
        return Finished(code, out, err)

    return run
