"""Final results on a simulated Drive."""

import errno
import json
from collections.abc import Callable
from typing import Any

from tests.drive import Drive
from tests.eventual.group import Group


def promote(group: Group, machine: int, *arguments: str, member: str = "ana") -> tuple[int, str]:
    """Return the exit code and the output of `promote` on a machine."""
    root = str(group.root(machine))
    ended = group.command(machine, "promote", *arguments, "--root", root, "--member", member)
    return ended.returncode, ended.stdout + ended.stderr


def listed(group: Group, machine: int) -> list[dict[str, Any]]:
    root = str(group.root(machine))
    rows: list[dict[str, Any]] = json.loads(
        group.command(machine, "promote", "--list", "--json", "--root", root).stdout
    )
    return rows


def test_two_who_promote_to_one_name_at_once_both_keep_theirs(
    drives: Callable[..., Drive],
) -> None:
    drive = drives(machines=2)
    group = Group(drive, tasks=1)
    assert group.command(0, "member", "add", "ben", "--root", str(group.root(0))).returncode == 0
    (group.root(0) / "results/ana/model.pt").write_text("of ana")
    (group.root(0) / "results/ben/model.pt").write_text("of ben")
    drive.settle()
    for machine in (0, 1):
        drive.machine(machine).cut()
    assert promote(group, 0, "results/ana/model.pt")[0] == 0
    assert promote(group, 1, "results/ben/model.pt", member="ben")[0] == 0
    for machine in (0, 1):
        drive.machine(machine).rejoin()
    drive.settle()
    for machine in (0, 1):
        final = group.root(machine) / "results/final"
        owners = {
            (group.root(machine) / each["path"]).read_text(): each["origin"]["promoted_by"]
            for each in listed(group, machine)
        }
        assert owners == {"of ana": "ana", "of ben": "ben"}, sorted(final.iterdir())
        code, text = promote(group, machine, "--check")
        assert code == 3
        assert "model.pt was promoted several times at once" in text
    assert (
        promote(group, 1, "results/ben/model.pt", "--yes", "--note", "ours", member="ben")[0] == 0
    )
    drive.settle()
    for machine in (0, 1):
        [final_result] = listed(group, machine)
        assert final_result["origin"]["note"] == "ours"
        root = group.root(machine)
        assert (root / "results/final/model.pt").read_text() == "of ben"
        earlier = [path.read_text() for path in root.glob("results/final/earlier/*/model*.pt")]
        assert sorted(earlier) == ["of ana", "of ben"]
        assert promote(group, machine, "--check")[0] == 0


def test_a_full_drive_keeps_the_final_result_that_is_there(drives: Callable[..., Drive]) -> None:
    drive = drives(machines=1)
    group = Group(drive, tasks=1)
    model = group.root(0) / "results/ana/model.pt"
    model.write_text("one")
    assert promote(group, 0, "results/ana/model.pt")[0] == 0
    model.write_text("x" * 3_000_000)
    drive.machine(0).fill(1_000_000)
    code, text = promote(group, 0, "results/ana/model.pt", "--yes")
    drive.machine(0).repair()
    assert code == 1
    assert "nothing was promoted; free space (a Drive's trash counts)" in text
    final = group.root(0) / "results/final"
    assert (final / "model.pt").read_text() == "one"
    assert {path.name for path in final.iterdir()} <= {
        "model.pt",
        "model.pt.origin.yaml",
        "earlier",
    }
    assert promote(group, 0, "results/ana/model.pt", "--yes")[0] == 0


def test_a_drive_that_does_not_answer_leaves_the_final_result_as_it_was(
    drives: Callable[..., Drive],
) -> None:
    drive = drives(machines=1)
    group = Group(drive, tasks=1)
    model = group.root(0) / "results/ana/model.pt"
    model.write_text("one")
    assert promote(group, 0, "results/ana/model.pt")[0] == 0
    drive.machine(0).fail(errno.EIO)
    assert promote(group, 0, "results/ana/model.pt", "--yes")[0] == 1
    drive.machine(0).repair()
    assert (group.root(0) / "results/final/model.pt").read_text() == "one"
    assert promote(group, 0, "--check")[0] == 0
