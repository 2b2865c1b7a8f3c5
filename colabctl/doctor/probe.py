"""Measures how long a file takes to reach another machine: one asks, the other answers.

Each machine writes new files in a folder of its own, so every delay comes from the shared folder.
"""

import json
import secrets
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from colabctl.errors import UserError
from colabctl.project.layout import Layout
from colabctl.sharedfs.files import write_once
from colabctl.sharedfs.links import check_inside
from colabctl.sharedfs.names import slug
from colabctl.sharedfs.records import read_record
from colabctl.sharedfs.rights import make_folder

_FORMAT = 1
_LARGEST = 10_000  # bytes of a question or an answer
_LOOK_EVERY = 0.25  # seconds
_LATEST = 1e11  # seconds since 1970


@dataclass(frozen=True)
class Time:
    """A machine's clocks, and its function to sleep."""

    wall: Callable[[], float]
    """Seconds since 1970."""
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]


@dataclass(frozen=True)
class Round:
    """One question and its answer, in seconds.

    Attributes:
        there_and_back: by the asking machine's clock
        there: by both clocks, so off by their difference
        ahead: how far the answering machine's clock is ahead, if both ways took equally long

    """

    host: str
    there_and_back: float
    there: float
    ahead: float


def own_folder(layout: Layout) -> Path:
    """Create and return a folder for the probes of this process."""
    folder = layout.probes / f"{slug(socket.gethostname())}-{secrets.token_hex(6)}"
    check_inside(folder, layout.root)
    make_folder(folder, parents=True)
    return folder


def ask(layout: Layout, folder: Path, rounds: int, patience: float, time: Time) -> Iterator[Round]:
    """Write questions into `folder` and yield the rounds as answers arrive.

    Raises UserError if an answer takes longer than `patience` seconds.
    """
    for number in range(rounds):
        name = f"{folder.name}.{number}"
        start = time.monotonic()
        _write(folder / f"question-{number}.json", name=name, sent=time.wall())
        sent = time.wall()
        while (answer := _answer_to(layout, folder, name)) is None:
            if time.monotonic() - start > patience:
                raise UserError(
                    f"no answer within {patience:.0f} s; run `colabctl doctor --answer` in "
                    "this project on another machine, then ask again"
                )
            time.sleep(_LOOK_EVERY)
        there_and_back = time.monotonic() - start
        there = answer["seen"] - sent
        back = time.wall() - answer["replied"]
        yield Round(answer["host"], there_and_back, there, (there - back) / 2)


def answer(
    layout: Layout, folder: Path, patience: float, time: Time
) -> Iterator[tuple[str, float]]:
    """Answer questions into `folder`; yield the host and the seconds that each took to arrive.

    Skips questions older than `patience`, whose askers have given up. Ends after `patience` seconds
    without a question.
    """
    done = {
        question["name"]
        for question in _questions(layout, folder)
        if time.wall() - question["sent"] > patience
        or _answer_to(layout, folder, question["name"]) is not None
    }
    quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < patience:
        for question in _questions(layout, folder):
            if question["name"] in done:
                continue
            done.add(question["name"])
            seen = time.wall()
            _write(
                folder / f"answer-{len(done)}.json",
                name=question["name"],
                seen=seen,
                replied=time.wall(),
            )
            quiet_since = time.monotonic()
            yield question["host"], seen - question["sent"]
        time.sleep(_LOOK_EVERY)


def summary(rounds: list[Round]) -> dict[str, float]:
    """Return the medians of the rounds, and the longest time there and back."""
    times = [each.there_and_back for each in rounds]
    return {
        "rounds": len(rounds),
        "one_way_seconds": round(median(times) / 2, 3),
        "there_and_back_seconds": round(median(times), 3),
        "longest_seconds": round(max(times), 3),
        "clock_ahead_seconds": round(median(each.ahead for each in rounds), 3),
    }


def _write(file: Path, **parts: Any) -> None:
    record = {"format": _FORMAT, "host": socket.gethostname(), **parts}
    write_once(file, json.dumps(record).encode())


def _questions(layout: Layout, folder: Path) -> Iterator[dict[str, Any]]:
    for file in layout.probes.glob("*/question-*.json"):
        if file.parent != folder:
            yield from _read(file, ("sent",))


def _answer_to(layout: Layout, folder: Path, name: str) -> dict[str, Any] | None:
    for file in layout.probes.glob("*/answer-*.json"):
        if file.parent != folder:
            for record in _read(file, ("seen", "replied")):
                if record["name"] == name:
                    return record
    return None


def _read(file: Path, times: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Yield the record in a probe's file if it has arrived completely and is valid."""
    try:
        parts = read_record(file, _LARGEST, _FORMAT)
    except (OSError, UserError):
        return
    named = all(type(parts.get(key)) is str for key in ("name", "host"))
    if named and all(_is_time(parts.get(key)) for key in times):
        yield parts


def _is_time(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < _LATEST
