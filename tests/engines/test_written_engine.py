"""The engine that the guide writes: what it starts, shows and ends."""

import os
import re
import signal
from pathlib import Path

import colabctl
from tests.engines.slurm import declare, hold, until_running
from tests.processes import Project, linux, until

_PAGE = Path(colabctl.__file__).parent / "guide" / "engines.md"


@linux
def test_the_engine_of_the_guide_starts_pilots_that_status_shows(project: Project) -> None:
    blocks = re.findall(r'```\w+ title="(mine/.+?)"\n(.*?)```', _PAGE.read_text(), re.DOTALL)
    for name, text in blocks:
        project.write(name, text)
    (code,) = (text for name, text in blocks if name.endswith(".py"))
    assert len([line for line in code.splitlines() if line.strip()]) <= 40
    mine = {"PYTHONPATH": str(project.root / "mine")}
    declare(project, tasks=2)
    hold(project)
    shown = project.run("work", "first", "--on", "background", "--dry-run", **mine)
    assert "-m colabctl work first" in shown.out
    refused = project.run("work", "first", "--on", "background://here", **mine)
    assert (refused.code, "has no address" in refused.err) == (1, True)
    started = project.run("work", "first", "--on", "background", **mine)
    assert started.code == 0, started.err
    until_running(project)
    (pilot,) = project.run("status", "first", "--json", **mine).json["pilots"]
    assert (pilot["job"], pilot["state"]) == (started.out.strip(), "running")
    assert project.run("status", "first", "--json").json["pilots"] == [], "without the engine"
    said = project.run("stop", "first", "--cancel-jobs", "--yes", **mine)
    assert "no pilots of yours are pending here" in said.err
    os.kill(int(pilot["job"]), signal.SIGTERM)
    until(lambda: project.events("first", "end"), "the end of the pilot")
    assert project.events("first", "failed") == []
    assert len(project.events("first", "released")) == 1
    until(lambda: project.run("status", "first", "--json", **mine).json["pilots"] == [])
