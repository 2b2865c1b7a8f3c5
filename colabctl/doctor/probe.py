"""Measures how long a file takes from one machine to another: one asks, the other answers.

Each machine writes into a folder of its own, a new file each time, so that nothing is contended:
what arrives late is the folder's doing.
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
from colabctl.sharedfs.names import slug
from colabctl.sharedfs.records import read_record

_FORMAT = 1
_LARGEST = 10_000  # bytes of a question or an answer
_LOOK_EVERY = 0.25  # seconds


@dataclass(frozen=True)
class Time:
    """A machine's clocks and patience: `wall` is a clock that others have too."""

    wall: Callable[[], float]
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]


@dataclass(frozen=True)
class Round:
    """One question and its answer, in seconds.

    there_and_back  by the asker's clock alone
    there           by both clocks; wrong by their difference
    ahead           how far the answerer's clock is ahead, if both ways took equally long
    """

    host: str
    there_and_back: float
    there: float
    ahead: float


def own_folder(layout: Layout) -> Path:
    """Make and return a folder of this process's own to write probes into."""
    place = layout.probes / f"{slug(socket.gethostname())}-{secrets.token_hex(6)}"
    place.mkdir(parents=True)
    return place


def ask(layout: Layout, place: Path, rounds: int, patience: float, time: Time) -> Iterator[Round]:
    """Write questions into `place` and give the rounds as answers arrive.

    Raises UserError if an answer takes longer than `patience` seconds.
    """
    for number in range(rounds):
        name = f"{place.name}.{number}"
        begun = time.monotonic()
        _write(place / f"question-{number}.json", name=name, sent=time.wall())
        sent = time.wall()
        answer: dict[str, Any] | None = None
        while answer is None:
            answer = _answer_to(layout, place, name)
            if answer is None:
                if time.monotonic() - begun > patience:
                    raise UserError(
                        f"no answer within {patience:.0f} s; run `colabctl doctor --answer` in "
                        "this project on another machine, then ask again"
                    )
                time.sleep(_LOOK_EVERY)
        there_and_back = time.monotonic() - begun
        there = answer["seen"] - sent
        back = time.wall() - answer["replied"]
        yield Round(str(answer["host"]), there_and_back, there, (there - back) / 2)


def answer(layout: Layout, place: Path, patience: float, time: Time) -> Iterator[tuple[str, float]]:
    """Answer questions into `place`, and give (host of the asker, seconds that it took to arrive).

    Questions older than `patience` are left alone: nobody waits for an answer any more. Ends
    after `patience` seconds without a question.
    """
    done = {
        question["name"]
        for question in _questions(layout, place)
        if time.wall() - question["sent"] > patience
        or _answer_to(layout, place, question["name"]) is not None
    }
    quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < patience:
        for question in _questions(layout, place):
            if question["name"] in done:
                continue
            done.add(question["name"])
            seen = time.wall()
            _write(
                place / f"answer-{len(done)}.json",
                name=question["name"],
                seen=seen,
                replied=time.wall(),
            )
            quiet_since = time.monotonic()
            yield str(question["host"]), seen - question["sent"]
        time.sleep(_LOOK_EVERY)


def summary(rounds: list[Round]) -> dict[str, float]:
    """Return the medians of some rounds, and the longest way there and back."""
    return {
        "rounds": len(rounds),
        "one_way_seconds": round(median(each.there_and_back for each in rounds) / 2, 3),
        "there_and_back_seconds": round(median(each.there_and_back for each in rounds), 3),
        "longest_seconds": round(max(each.there_and_back for each in rounds), 3),
        "clock_ahead_seconds": round(median(each.ahead for each in rounds), 3),
    }


def _write(file: Path, **parts: Any) -> None:
    write_once(
        file, json.dumps({"format": _FORMAT, "host": socket.gethostname(), **parts}).encode()
    )


def _questions(layout: Layout, place: Path) -> Iterator[dict[str, Any]]:
    for file in layout.probes.glob("*/question-*.json"):
        if file.parent != place:
            yield from _read(file, ("sent",))


def _answer_to(layout: Layout, place: Path, name: str) -> dict[str, Any] | None:
    for file in layout.probes.glob("*/answer-*.json"):
        if file.parent != place:
            for found in _read(file, ("seen", "replied")):
                if found["name"] == name:
                    return found
    return None


def _read(file: Path, times: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Give what a probe's file holds, if it has arrived whole and holds what it should."""
    try:
        parts = read_record(file, _LARGEST, _FORMAT)
    except (OSError, UserError):
        return
    named = isinstance(parts.get("name"), str) and "host" in parts
    if named and all(isinstance(parts.get(key), int | float) for key in times):
        yield parts
