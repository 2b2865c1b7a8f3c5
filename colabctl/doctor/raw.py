"""Checks raw data against what was recorded, by size and time."""

from collections.abc import Iterable, Iterator

from colabctl.doctor.check import Check
from colabctl.errors import UserError
from colabctl.project.config import Config
from colabctl.project.layout import Layout
from colabctl.project.raw.damage import Finding
from colabctl.project.raw.listing import case_twins, list_files
from colabctl.project.raw.names import listed
from colabctl.project.raw.verification import is_protected, verify_quick


def raw(layout: Layout, config: Config) -> Iterator[Check]:
    """Yield the checks of all read-only folders, without reading large files."""
    for name in config.read_only:
        folder = layout.root / name
        if is_protected(layout, folder):
            try:
                yield from _protected(layout, name)
            except UserError as error:
                steps = "verify" if folder.is_dir() else "restore"
                yield Check("raw", "wrong", f"{error}", f"run colabctl {steps} {name}")
        elif folder.is_dir() and (files := list_files(folder, ()).files):
            yield Check(
                "raw", "note", f"{name} is not protected; it has {len(files):,} files",
                f"record them with colabctl protect {name}",
            )  # fmt: skip
            yield from _twins(name, case_twins(files))


def _protected(layout: Layout, name: str) -> Iterator[Check]:
    check = verify_quick(layout, layout.root / name)
    finding = Finding(name, check, layout.mirror.exists())
    if check.damaged:
        what, _, fix = finding.damage.partition("; see all: ")
        yield Check("raw", "wrong", what, f"see all: {fix}")
    for note in finding.notes:
        what, _, fix = note.partition("; ")
        yield Check("raw", "note", what, fix)
    if check.disputed:
        yield Check(
            "raw", "wrong",
            f"{name}.manifest.json and {name}.SHA256SUMS differ: {listed(check.disputed)}",
            f"one of them was edited; see colabctl verify {name}",
        )  # fmt: skip
    if check.added:
        yield Check(
            "raw", "note", f"not recorded in {name}: {listed(check.added)}",
            f"if they belong there, run colabctl protect {name}",
        )  # fmt: skip
    yield from _twins(name, check.twins)
    if not (check.damaged or check.unseen or check.touched):
        yield Check("raw", "ok", f"{name}: {check.checked:,} files, same size and time")


def _twins(name: str, twins: Iterable[tuple[str, ...]]) -> Iterator[Check]:
    for twin in twins:
        yield Check(
            "raw", "note",
            f"only case tells these apart in {name}, so Windows and macOS show one: {listed(twin)}",
            "rename one of them, then run colabctl protect",
        )  # fmt: skip
