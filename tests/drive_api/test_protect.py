"""`protect --drive`: raw data becomes read-only on the server, and `--undo` brings back what was."""

from collections.abc import Mapping
from typing import Any

import pytest

from colabctl.drive import locking
from colabctl.drive.account import Drive
from colabctl.drive.locking import Outcome
from colabctl.drive.protection import plan
from colabctl.drive.refusals import DriveError
from tests.drive_api.cloud import FOLDER, SHORTCUT, Cloud
from tests.drive_api.conftest import ANA, BEN, CLEO, Group, NewGroup
from tests.drive_api.server import CUT, Fault, error
from tests.screen import Screen

DORA = "dora@example.org"


def state(cloud: Cloud) -> Mapping[str, Any]:
    """Return everything that protection may change, by item."""
    return {
        item.id: (dict(item.roles), item.limited, list(item.restrictions), dict(item.properties))
        for item in cloud.items.values()
    }


def roles(group: Group, path: str = "") -> Mapping[str, str]:
    """Return who can do what with an item of the raw data."""
    return group.cloud.access(group.cloud[f"churn/data/raw{path}"])


READERS = {ANA: "owner", BEN: "reader", CLEO: "reader"}


def test_members_become_readers_and_files_read_only(group: Group) -> None:
    group.run("protect")
    done = group("protect", "--drive", "--yes")
    assert done.code == 0, done.err
    assert roles(group) == roles(group, "/a.csv") == roles(group, "/deep/b.csv") == READERS
    for who in (ANA, BEN, CLEO):
        assert not group.cloud.can_change(who, group.cloud["churn/data/raw/deep/b.csv"])
    assert done.err.splitlines() == [
        "data/raw on Google Drive, as ana@example.org",
        "  the folder stops taking access from the folder above it (limited access)",
        "  ben@example.org: writer -> reader",
        "  cleo@example.org: writer -> reader",
        "  2 files to make read-only, for the owner too",
        "data/raw: 2 files read-only on Google Drive",
        "  undo it: colabctl protect data/raw --drive --undo",
    ]
    assert group.cloud.mails == []  # no one is bothered


def test_the_rest_of_the_project_stays_as_it_was(group: Group) -> None:
    note = group.cloud.add("churn/notebooks/n.ipynb", ANA, b"{}")
    group("protect", "--drive", "--yes")
    assert group.cloud.access(note) == {ANA: "owner", BEN: "writer", CLEO: "writer"}
    assert group.cloud.can_change(BEN, note)


def test_undo_brings_back_exactly_what_was(group: Group) -> None:
    group.raw.roles |= {DORA: "commenter", "anyoneWithLink": "writer"}
    group.cloud["churn/data/raw/a.csv"].restrictions = [{"readOnly": True, "reason": "mine"}]
    group.cloud["churn/data/raw/deep"].roles[BEN] = "writer"
    before = state(group.cloud)
    assert group("protect", "--drive", "--yes").code == 0
    assert set(roles(group, "/deep/b.csv").values()) == {"owner", "reader"}
    undone = group("protect", "--drive", "--undo", "--yes")
    assert undone.code == 0, undone.err
    assert state(group.cloud) == before
    assert "  ben@example.org: reader -> as in the folder above" in undone.err
    assert "  dora@example.org: reader -> commenter" in undone.err


def test_protecting_twice_changes_nothing_more(group: Group) -> None:
    group("protect", "--drive", "--yes")
    before = state(group.cloud)
    again = group("protect", "--drive")  # and there is nothing to ask
    assert (again.code, state(group.cloud)) == (0, before)
    assert "already protected; nothing to change" in again.err


def test_without_a_terminal_it_shows_the_change_and_makes_none(group: Group) -> None:
    before = state(group.cloud)
    shown = group("protect", "--drive")
    assert (shown.code, state(group.cloud)) == (1, before)
    assert "ben@example.org: writer -> reader" in shown.err
    assert shown.err.splitlines()[-1].endswith("add --yes to do it")
    assert {
        name for name in group.server.names() if name.partition(".")[2] not in ("get", "list")
    } == set()


def test_on_a_terminal_it_asks(group: Group) -> None:
    before = state(group.cloud)
    arguments = ("protect", "--drive", "--folder-id", group.folder.id)
    with Screen(group.project, *arguments, columns=80, rows=24, **group.environ()) as screen:
        screen.until(lambda screen: "Change this on Google Drive?" in screen.text)
        screen.type("n\n")
        assert screen.end() == 1
    assert state(group.cloud) == before
    with Screen(group.project, *arguments, columns=80, rows=24, **group.environ()) as screen:
        screen.until(lambda screen: "Change this on Google Drive?" in screen.text)
        screen.type("y\n")
        assert screen.end() == 0
    assert roles(group) == READERS


def test_new_files_and_new_members_come_under_an_old_protection(group: Group) -> None:
    group("protect", "--drive", "--yes")
    group.put("c.csv", "5,6\n")
    group.folder.roles[DORA] = "writer"
    assert group.cloud.role(DORA, group.raw) is None
    done = group("protect", "--drive", "--yes")
    assert "dora@example.org: no access -> reader" in done.err
    assert "1 file to make read-only" in done.err
    assert roles(group) == {**READERS, DORA: "reader"}
    assert not group.cloud.can_change(ANA, group.cloud["churn/data/raw/c.csv"])
    group("protect", "--drive", "--undo", "--yes")
    assert roles(group) == {ANA: "owner", BEN: "writer", CLEO: "writer", DORA: "writer"}


def test_only_the_owner_of_the_folder_protects_it(group: Group) -> None:
    for arguments in (["--drive"], ["--drive", "--undo"]):
        refused = group("protect", *arguments, "--yes", who=BEN)
        assert refused.code == 1
        assert refused.err == (
            "colabctl: data/raw belongs to ana@example.org on Google Drive, and you are "
            "ben@example.org; ask the owner to run this command\n"
        )


def test_a_file_of_another_member_is_named_as_less_safe(group: Group) -> None:
    theirs = group.put("theirs.csv", "7\n", owner=BEN)
    done = group("protect", "--drive", "--yes")
    assert done.code == 0, done.err
    assert "note: ben@example.org owns 1 file here, and can still lift the protection" in done.err
    assert group.cloud.access(theirs) == {BEN: "owner", ANA: "writer", CLEO: "reader"}
    assert not group.cloud.can_change(BEN, theirs)


def test_managers_protect_a_folder_of_a_shared_drive(new_group: NewGroup) -> None:
    group = new_group(drive="0Drive")
    group.put("a.csv", "1\n").roles[DORA] = "writer"
    before = state(group.cloud)
    refused = group("protect", "--drive", "--yes", who=BEN)
    assert (refused.code, "ben@example.org does not manage" in refused.err) == (1, True)
    done = group("protect", "--drive", "--yes")
    assert done.code == 0, done.err
    assert roles(group) == {ANA: "organizer", BEN: "reader", CLEO: "reader"}
    assert roles(group, "/a.csv")[DORA] == "reader"
    group("protect", "--drive", "--undo", "--yes")
    assert state(group.cloud) == before


def test_where_drive_does_not_limit_folders_the_files_become_read_only(group: Group) -> None:
    group.cloud.can_limit = False
    before = state(group.cloud)
    done = group("protect", "--drive", "--yes")
    assert done.code == 0, done.err
    assert "Drive does not let this account limit the folder" in done.err
    assert roles(group)[BEN] == "writer"
    assert not group.cloud.can_change(BEN, group.cloud["churn/data/raw/a.csv"])
    assert group("protect", "--drive", "--undo", "--yes").code == 0
    assert state(group.cloud) == before


def test_a_drive_that_does_not_say_what_is_inherited_gives_the_same(group: Group) -> None:
    group.cloud.says_details = False
    group.raw.roles[DORA] = "writer"
    before = state(group.cloud)
    assert group("protect", "--drive", "--yes").code == 0
    assert roles(group) == {**READERS, DORA: "reader"}
    group("protect", "--drive", "--undo", "--yes")
    assert state(group.cloud) == before


def test_a_folder_that_was_limited_by_hand_keeps_out_who_was_kept_out(group: Group) -> None:
    group.raw.limited = True
    group.raw.roles[BEN] = "writer"
    before = state(group.cloud)
    assert group("protect", "--drive", "--yes").code == 0
    assert group("protect", "--drive", "--yes").code == 0
    assert roles(group) == {ANA: "owner", BEN: "reader"}
    group("protect", "--drive", "--undo", "--yes")
    assert state(group.cloud) == before


def protect(drive: Drive, group: Group) -> Outcome:
    return locking.protect(drive, plan(drive, group.raw.id, "data/raw"), lambda *_: None)


def undo(drive: Drive, group: Group) -> Outcome:
    changes = locking.undo_plan(drive, group.raw.id, "data/raw")
    return locking.undo(drive, changes, lambda *_: None)


def test_a_protection_that_is_interrupted_anywhere_can_be_repeated_and_undone(
    group: Group, drive: Drive
) -> None:
    group.raw.roles[DORA] = "writer"
    group.cloud["churn/data/raw/deep"].roles[DORA] = "commenter"
    before = state(group.cloud)
    changes = [("files.update", after) for after in range(5)]
    changes += [("permissions.update", 0), ("permissions.update", 1)]
    changes += [("permissions.create", 0), ("permissions.create", 1)]
    for name, after in changes:
        group.server.faults = [Fault(name, error(401, "authError"), times=100, after=after)]
        with pytest.raises(DriveError):
            protect(drive, group)
        group.server.faults = []
        assert protect(drive, group).refused == (), (name, after)
        assert roles(group) == {**READERS, DORA: "reader"}, (name, after)
        assert all(file.restrictions for file in group.cloud.items.values() if file.content)
        assert undo(drive, group).refused == ()
        assert state(group.cloud) == before, (name, after)


def test_an_undo_that_is_interrupted_anywhere_can_be_repeated(group: Group, drive: Drive) -> None:
    group.raw.roles[DORA] = "writer"
    before = state(group.cloud)
    steps = [("files.update", after) for after in range(4)]
    for name, after in [*steps, ("permissions.delete", 1), ("permissions.update", 0)]:
        protect(drive, group)
        group.server.faults = [Fault(name, error(401, "authError"), times=100, after=after)]
        with pytest.raises(DriveError):
            undo(drive, group)
        group.server.faults = []
        assert undo(drive, group).refused == ()
        assert state(group.cloud) == before, (name, after)


def test_a_refused_file_is_named_and_does_not_stop_the_others(group: Group) -> None:
    refusal = error(403, "insufficientFilePermissions", "No.")
    group.server.faults = [Fault("files.update", refusal, after=2)]
    done = group("protect", "--drive", "--yes", "--json")
    assert done.code == 1
    (report,) = done.json
    assert (report["files"], len(report["refused"])) == (1, 1)
    assert report["refused"][0]["what"] in ("a.csv", "deep/b.csv")
    assert "not everything was done" in done.err
    assert group("protect", "--drive", "--yes").code == 0


def test_a_broken_connection_and_a_busy_server_are_passed_over(group: Group) -> None:
    group.server.faults = [
        Fault("files.list", CUT),
        Fault("permissions.list", error(429, "rateLimitExceeded")),
        Fault("files.update", error(403, "userRateLimitExceeded")),
        Fault("permissions.create", error(503, "backendError")),
    ]
    assert group("protect", "--drive", "--yes").code == 0
    assert roles(group) == READERS


def test_a_member_without_a_visible_address_is_said_to_lose_access(group: Group) -> None:
    group.folder.roles["hidden@example.org"] = "writer"
    done = group("protect", "--drive", "--yes")
    assert done.code == 0, done.err
    assert "Hidden: writer -> no access (address unknown)" in done.err


def test_groups_and_links_are_treated_as_members(group: Group) -> None:
    group.folder.roles |= {"group@example.org": "writer", "anyoneWithLink": "reader"}
    before = state(group.cloud)
    done = group("protect", "--drive", "--yes")
    assert "anyone with the link: reader -> reader (kept)" in done.err
    assert roles(group) == {**READERS, "group@example.org": "reader", "anyoneWithLink": "reader"}
    group("protect", "--drive", "--undo", "--yes")
    assert state(group.cloud) == before


def test_a_record_that_a_member_planted_gives_them_nothing(group: Group) -> None:
    group.raw.properties = {
        "colabctl.protected": "yes",
        "colabctl.limited": "yes",
        "colabctl.was.9": "writer",
    }
    group("protect", "--drive", "--yes")
    assert "colabctl.was.9" not in group.raw.properties
    assert set(group.raw.properties.values()) == {"yes", "inherited"}
    assert not any("@" in key + value for key, value in group.raw.properties.items())


def test_a_folder_that_others_write_to_is_refused_without_a_request(group: Group) -> None:
    for folder in (".", "data", "sweeps"):
        refused = group("protect", folder, "--drive", "--yes")
        assert (refused.code, group.server.calls) == (1, []), refused


def test_documents_become_read_only_and_shortcuts_are_left_alone(group: Group) -> None:
    folder = "churn/data/raw"
    group.cloud.add(f"{folder}/notes", type="application/vnd.google-apps.document")
    group.cloud.add(f"{folder}/link", type=SHORTCUT, target=group.folder.id)
    group.cloud.add(f"{folder}/old.csv", content=b"1", trashed=True)
    done = group("protect", "--drive", "--yes", "--json")
    assert (done.code, done.json[0]["files"]) == (0, 3)
    locked = [item.name for item in group.cloud.items.values() if item.restrictions]
    assert sorted(locked) == ["a.csv", "b.csv", "notes"]


def test_checksums_come_first(group: Group) -> None:
    note = "no checksums are recorded yet; first run colabctl protect data/raw"
    assert note in group("protect", "--drive").err
    group.run("protect")
    assert note not in group("protect", "--drive").err


def test_undo_of_nothing_says_so(group: Group) -> None:
    before = state(group.cloud)
    undone = group("protect", "--drive", "--undo")
    assert (undone.code, state(group.cloud)) == (0, before)
    assert "nothing to undo here" in undone.err


def test_more_people_than_can_be_recorded_are_refused_before_any_change(group: Group) -> None:
    group.folder.roles |= {f"p{number}@example.org": "writer" for number in range(40)}
    before = state(group.cloud)
    refused = group("protect", "--drive", "--yes")
    assert (refused.code, state(group.cloud)) == (1, before)
    assert "give access to one Google group instead" in refused.err


def test_many_files_and_small_pages_are_all_protected(group: Group) -> None:
    group.cloud.page_size = 3
    for number in range(40):
        group.put(f"part-{number % 7}/{number}.csv", f"{number}\n")
    done = group("protect", "--drive", "--yes")
    assert done.code == 0, done.err
    files = [item for item in group.cloud.items.values() if item.type != FOLDER]
    assert all(file.restrictions for file in files)
    assert "42 files read-only" in done.err
