"""`verify --drive`: the manifest and the server's own checksums, without a download."""

import pytest

from tests.drive_api.cloud import DOCUMENT, SHORTCUT
from tests.drive_api.conftest import BEN, Group, NewGroup
from tests.drive_api.server import CUT, Fault, error


@pytest.fixture
def recorded(group: Group) -> Group:
    """Return a group whose raw data has a manifest."""
    assert group.run("protect").code == 0
    return group


def test_unchanged_data_is_proved_without_a_download(recorded: Group) -> None:
    done = recorded("verify", "--drive")
    assert (done.code, done.err) == (0, "")
    assert done.out == "data/raw: 2 files, all unchanged on Google Drive's server\n"
    listings = [call for _, call in recorded.server.calls if call.name == "files.list"]
    assert {name.partition(".")[2] for name in recorded.server.names()} <= {"get", "list"}
    asked = listings[-1].fields
    assert asked is not None
    assert set(asked["files"]) == {
        *("id", "name", "mimeType", "parents", "trashed"),
        *("size", "sha256Checksum"),
    }


def test_each_difference_is_named(recorded: Group) -> None:
    folder = "churn/data/raw"
    recorded.cloud[f"{folder}/a.csv"].content = b"1,3\n"
    recorded.cloud[f"{folder}/deep/b.csv"].trashed = True
    recorded.cloud.add(f"{folder}/new.csv", content=b"")
    done = recorded("verify", "--drive")
    assert done.code == 3
    assert done.out.splitlines() == [
        "changed: data/raw/a.csv",
        "added: data/raw/new.csv",
        "in Drive's trash: data/raw/deep/b.csv",
    ]
    assert "may not be uploaded yet" in done.err
    report = recorded("verify", "--drive", "--json")
    assert (report.code, report.json[0]["trashed"]) == (3, ["deep/b.csv"])


def test_a_file_that_the_server_never_got_is_missing(recorded: Group) -> None:
    recorded.cloud.items.pop(recorded.cloud["churn/data/raw/a.csv"].id)
    done = recorded("verify", "--drive")
    assert (done.code, done.out) == (3, "missing: data/raw/a.csv\n")


def test_a_file_in_a_folder_in_the_trash_is_in_the_trash(recorded: Group) -> None:
    recorded.cloud["churn/data/raw/deep"].trashed = True
    assert recorded("verify", "--drive").out == "in Drive's trash: data/raw/deep/b.csv\n"


def test_what_has_no_bytes_is_named_and_passed_over(recorded: Group) -> None:
    folder = "churn/data/raw"
    recorded.cloud.add(f"{folder}/notes", type=DOCUMENT)
    recorded.cloud.add(f"{folder}/link", type=SHORTCUT, target=recorded.folder.id)
    recorded.cloud.add(f"{folder}/.DS_Store", content=b"x")
    recorded.cloud.add(f"{folder}/.colabctl-sentinel", content=b"x")
    recorded.cloud.add(f"{folder}/a.csv.bad-0123abcd", content=b"x")
    done = recorded("verify", "--drive")
    assert done.code == 0, done.out
    assert done.err.splitlines() == [
        "  has no bytes to compare, passed over: link",
        "  has no bytes to compare, passed over: notes",
    ]


def test_two_files_of_one_name_are_named(recorded: Group) -> None:
    recorded.cloud.add("churn/data/raw/a.csv", content=b"other")
    done = recorded("verify", "--drive")
    assert (done.code, done.out) == (3, "several files of one name: data/raw/a.csv\n")


def test_a_second_file_of_one_name_is_known_by_the_name_that_a_mount_gives_it(group: Group) -> None:
    group.project.write("data/raw/a (1).csv", "second\n")
    group.cloud.add("churn/data/raw/a.csv", content=b"second\n")
    group.run("protect")
    done = group("verify", "--drive", "--json")
    assert (done.code, done.json[0]["duplicates"]) == (3, ["a.csv"])
    assert (done.json[0]["missing"], done.json[0]["changed"], done.json[0]["checked"]) == (
        [],
        [],
        3,
    )


def test_a_file_without_a_checksum_is_not_called_unchanged(recorded: Group) -> None:
    recorded.cloud["churn/data/raw/a.csv"].digested = False
    done = recorded("verify", "--drive")
    assert (done.code, done.out) == (3, "no checksum on the server yet: data/raw/a.csv\n")


def test_names_in_another_unicode_form_are_the_same_names(group: Group) -> None:
    group.project.write("data/raw/caf\u00e9.csv", "x")
    group.cloud.add("churn/data/raw/cafe\u0301.csv", content=b"x")
    group.run("protect")
    assert group("verify", "--drive").code == 0


def test_a_reader_of_the_folder_verifies_it_too(recorded: Group) -> None:
    recorded("protect", "--drive", "--yes")
    assert recorded("verify", "--drive", who=BEN).code == 0


def test_a_large_listing_comes_in_pages(group: Group) -> None:
    group.cloud.page_size = 7
    for number in range(60):
        group.put(f"part-{number % 25}/{number}.csv", f"{number}\n")
    group.run("protect")
    done = group("verify", "--drive")
    assert done.out == "data/raw: 62 files, all unchanged on Google Drive's server\n", done.out


def test_a_listing_that_breaks_and_repeats_entries_is_read_to_its_end(recorded: Group) -> None:
    recorded.cloud.page_size = 1
    recorded.server.faults = [
        Fault("files.list", CUT, after=2),
        Fault("files.list", (200, "<html>Sign in to the hotel's network"), after=1),
        Fault("files.list", error(500, "internalError")),
    ]
    assert recorded("verify", "--drive").code == 0


def test_a_listing_without_an_end_is_refused(recorded: Group) -> None:
    def again(answer: dict[str, object]) -> dict[str, object]:
        return {**answer, "nextPageToken": "0"}

    recorded.server.faults = [Fault("files.list", again, times=1000)]
    done = recorded("verify", "--drive")
    assert (done.code, done.out) == (1, "")
    assert "repeats itself" in done.err


def test_a_listing_in_part_calls_nothing_missing(recorded: Group) -> None:
    def part(answer: dict[str, object]) -> dict[str, object]:
        return {**answer, "incompleteSearch": True, "files": []}

    recorded.server.faults = [Fault("files.list", part, times=1000)]
    done = recorded("verify", "--drive")
    assert (done.code, done.out) == (1, "")
    assert "only in part" in done.err


def test_a_shared_drive_is_listed_too(new_group: NewGroup) -> None:
    group = new_group(drive="0Drive")
    group.put("deep/a.csv", "1\n")
    group.run("protect")
    done = group("verify", "--drive", who=BEN)
    assert (done.code, done.err) == (0, ""), done.err


def test_a_folder_without_a_manifest_needs_one_first(group: Group) -> None:
    done = group("verify", "--drive")
    assert (done.code, group.server.calls) == (1, [])
    assert "run colabctl protect data/raw first" in done.err


def test_a_name_with_a_slash_is_no_path(recorded: Group) -> None:
    (recorded.cloud["churn/data/raw/deep/b.csv"]).trashed = True
    false = recorded.cloud.add("churn/data/raw/false", content=b"3,4\n")
    false.name = "deep/b.csv"
    done = recorded("verify", "--drive")
    assert done.out.splitlines() == [
        "added: data/raw/deep_b.csv",
        "in Drive's trash: data/raw/deep/b.csv",
    ]


def test_a_hostile_name_cannot_write_on_the_screen(recorded: Group) -> None:
    recorded.cloud.add("churn/data/raw/x\n\x1b[2Jall unchanged", content=b"")
    done = recorded("verify", "--drive")
    assert done.code == 3
    assert "\x1b" not in done.out
    assert len(done.out.splitlines()) == 1
