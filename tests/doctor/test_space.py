"""Doctor's check of free room, and what it says can be deleted."""

import shutil

from tests.doctor.test_doctor import doctor, problems
from tests.processes import Project
from tests.space.conftest import leftover


def test_enough_room_is_fine(project: Project) -> None:
    _, checks = doctor(project.root, COLABCTL_MIN_FREE="1")
    (check,) = [each for each in checks if each["check"] == "space"]
    assert check["level"] == "ok"
    assert check["what"].endswith(" free")


def test_less_room_than_min_free_is_a_problem_with_what_can_be_deleted(project: Project) -> None:
    much = str(2 * shutil.disk_usage(project.root).free)
    code, checks = doctor(project.root, COLABCTL_MIN_FREE=much)
    (what,) = problems(checks)
    assert code == 3
    assert "workers warn below" in what
    (check,) = [each for each in checks if each["check"] == "space"]
    assert "see what uses it: colabctl space" in check["fix"]
    leftover(project)
    (check,) = [
        each for each in doctor(project.root, COLABCTL_MIN_FREE=much)[1] if each["check"] == "space"
    ]
    assert "4 bytes can be deleted: colabctl space --tidy" in check["fix"]
    assert "empty the trash too" in check["fix"]


def test_a_member_whose_account_is_almost_full_is_named_with_who_has_more(
    project: Project,
) -> None:
    project.declare(
        "first",
        "method: grid\nprogram: train.py:train\nparameters: {x: {values: [1]}}\n",
        "def train(params, task):\n    return {}\n",
    )
    for member, free in (("ana", 12_300_000_000), ("ben", 400_000_000)):
        end = {"event": "end", "reason": "finished", "free": free}
        project.journal("first", end, writer=f"{member}-vm-20260102T030406-abcdef")
    _, checks = doctor(project.root, COLABCTL_CONSISTENCY="eventual", COLABCTL_MIN_FREE="1GB")
    (note,) = [each for each in checks if each["check"] == "space" and each["level"] == "note"]
    assert note["what"].startswith("the account of ben had only 400 MB free ")
    assert "start workers on the account of ana, which has 12.3 GB" in note["fix"]
