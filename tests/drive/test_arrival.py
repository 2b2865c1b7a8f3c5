"""When changes arrive at the other machines. Nothing moves on its own in a manual drive."""

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drive.drive import Drive
from tests.drive.look import drive_id, names, uncommitted


def test_another_machine_sees_a_file_only_after_it_has_arrived(
    drive: Drive, places: list[Path]
) -> None:
    (places[0] / "note").write_text("hello")
    with pytest.raises(FileNotFoundError):
        (places[1] / "note").read_text()

    drive.upload()
    assert names(places[1]) == set()

    drive.deliver(drive.machine(1))
    assert (places[1] / "note").read_text() == "hello"
    assert names(places[2]) == set()


def test_files_can_be_delivered_by_name(drive: Drive, places: list[Path]) -> None:
    for name in ("1.json", "2.json", "3.json"):
        (places[0] / name).touch()

    drive.deliver(names="2.*")

    assert names(places[1]) == {"2.json"}
    assert [uncommitted(places[0] / name) for name in ("1.json", "2.json", "3.json")] == [
        "1",
        "0",
        "1",
    ]


def test_a_file_is_uncommitted_and_has_a_local_id_until_it_is_uploaded(
    drive: Drive, places: list[Path]
) -> None:
    (places[0] / "note").write_text("hello")
    assert uncommitted(places[0] / "note") == "1"
    assert drive_id(places[0] / "note").startswith("local-")

    drive.upload()
    assert uncommitted(places[0] / "note") == "0"
    assert not drive_id(places[0] / "note").startswith("local-")

    drive.deliver()
    assert drive_id(places[0] / "note") == drive_id(places[1] / "note")


def test_a_file_that_is_held_open_is_not_uploaded(drive: Drive, places: list[Path]) -> None:
    with (places[0] / "log").open("w") as log:
        log.write("line")
        log.flush()
        os.fsync(log.fileno())
        drive.deliver()
        assert names(places[1]) == set()
        assert (places[0] / "log").read_text() == "line"

    drive.deliver()
    assert (places[1] / "log").read_text() == "line"


def test_one_name_created_on_two_machines_gives_two_files(drive: Drive, places: list[Path]) -> None:
    for number, place in enumerate(places[:2]):
        with (place / "claim.json").open("x") as file:
            file.write(f"machine {number}")

    drive.deliver()

    assert names(places[0]) == names(places[1]) == {"claim.json", "claim (1).json"}
    assert (places[0] / "claim.json").read_text() == "machine 0"
    assert (places[1] / "claim.json").read_text() == "machine 1"
    assert drive_id(places[0] / "claim.json") == drive_id(places[1] / "claim (1).json")


def test_one_name_created_on_two_machines_gives_two_folders(
    drive: Drive, places: list[Path]
) -> None:
    for number, place in enumerate(places[:2]):
        (place / "run.1").mkdir()
        (place / "run.1" / str(number)).touch()

    drive.deliver()

    assert names(places[1]) == {"run.1", "run (1).1"}
    assert names(places[1] / "run.1") == {"1"}
    assert names(places[1] / "run (1).1") == {"0"}


def test_the_last_upload_of_one_file_wins(drive: Drive, places: list[Path]) -> None:
    (places[0] / "state").write_text("first")
    drive.deliver()
    (places[0] / "state").write_text("from 0")
    (places[1] / "state").write_text("from 1")

    drive.upload(drive.machine(1))
    drive.upload(drive.machine(0))
    drive.deliver()

    assert [(place / "state").read_text() for place in places] == ["from 0"] * 3


def test_an_append_uploads_the_complete_file_again(drive: Drive, places: list[Path]) -> None:
    before = drive.machine(0).counts()
    (places[0] / "log").write_bytes(b"x" * 1000)
    drive.upload()
    with (places[0] / "log").open("ab") as log:
        log.write(b"y")
    drive.deliver()

    spent = drive.machine(0).counts() - before
    assert (spent.uploads, spent.bytes) == (2, 2001)
    assert (places[1] / "log").read_bytes() == b"x" * 1000 + b"y"


def test_no_change_reaches_or_leaves_a_disconnected_machine(
    drive: Drive, places: list[Path]
) -> None:
    drive.machine(0).cut()
    (places[0] / "from 0").touch()
    (places[1] / "from 1").touch()
    drive.deliver()
    assert [names(place) for place in places] == [{"from 0"}, {"from 1"}, {"from 1"}]
    assert uncommitted(places[0] / "from 0") == "1"

    drive.machine(0).rejoin()
    drive.deliver()
    assert [names(place) for place in places] == [{"from 0", "from 1"}] * 3


def test_everything_arrives_in_time(drives: Callable[..., Drive]) -> None:
    drive = drives(machines=3, median=0.01, worst=0.05, partial=0.3, cost=(0.0001, 0.0005))
    for machine, number in itertools.product(drive.machines, range(5)):
        (machine.path / f"{machine.number}-{number}").touch()

    drive.settle()

    everything = {f"{machine}-{number}" for machine in range(3) for number in range(5)}
    for machine in drive.machines:
        assert all((machine.path / name).exists() for name in everything)
        assert any(names(machine.path) == everything for _ in range(100))
        assert {uncommitted(machine.path / name) for name in everything} == {"0"}


def test_a_machine_that_reconnects_catches_up(drives: Callable[..., Drive]) -> None:
    drive = drives(machines=2, median=0.01, worst=0.02)
    drive.machine(0).cut()
    (drive.machine(0).path / "note").touch()
    drive.settle()
    assert names(drive.machine(1).path) == set()

    drive.machine(0).rejoin()
    drive.settle()
    assert names(drive.machine(1).path) == {"note"}
