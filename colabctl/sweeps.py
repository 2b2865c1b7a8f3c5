"""Finds a project's sweeps, and brings together the folders that hold the same one.

On a Drive, machines that create one folder at the same time create several with one name, and a
mount shows all but one of them under another name, such as `s (1)`. So two members who declare a
sweep at once get two *twins*, and each machine may see either of them as `s`. Every machine orders
them alike, from their plans alone: by when they were declared, by whom, and by the digest of what
they run. Those with the same digest are one sweep, in the folder of the first. The first of all has
the name that was declared; one with another content has the start of its digest in its name.

`sweep FILE --replace` makes such a sweep on purpose, in a folder with the start of its digest in
the name, and a record in the archive that the earlier ones have given the name away.
"""

import os
import re
import shlex
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from unicodedata import normalize

from colabctl.errors import UserError, nearest
from colabctl.ledger import Plan, extended, extensions_in, names_apart, read_plan
from colabctl.project.archive import Archival, read_archive
from colabctl.project.layout import Layout, SweepLayout
from colabctl.sharedfs.droppings import is_dropping, original_of
from colabctl.sharedfs.links import check_inside
from colabctl.sharedfs.names import check_name, safe_name

_APART = re.compile(r"(?P<start>.+)-(?:[0-9a-f]{6}|[0-9a-f]{12}|[0-9a-f]{64})")  # as `names_apart`


class Held(NamedTuple):
    """A folder of the project, and the plan of the sweep in it."""

    folder: Path
    plan: Plan


def sweep_names(layout: Layout) -> list[str]:
    """Return the names of the sweeps in use, sorted."""
    return [sweep.name for sweep in sweeps_in_use(layout)]


def sweeps_in_use(layout: Layout) -> list[SweepLayout]:
    """Return the paths of the declared sweeps that are not archived, sorted by name."""
    return [sweep for sweep in every_sweep(layout) if sweep.archived_at is None]


def every_sweep(layout: Layout) -> list[SweepLayout]:
    """Return the paths of the declared sweeps, archived ones too, sorted by name."""
    names, archive = _names(layout.sweeps), read_archive(layout)
    layouts = [
        sweep
        for declared, folders in _by_name(layout.sweeps, names).items()
        for sweep in _settled(declared, folders, names, archive.get(declared, {}))
    ]
    return sorted(layouts, key=lambda sweep: sweep.name)


def find_sweep(layout: Layout, name: str, digest: str | None = None) -> SweepLayout:
    """Return the paths of the declared sweep `name`, or with this title.

    Of several sweeps that were declared under this name, it is the one with this `digest` of what
    it runs, if there is one. Raises UserError if it does not exist, and as `check_links` does.
    """
    is_file = name.endswith((".yaml", ".yml")) and Path(name).is_file()
    declare_it = f"{name} is a sweep file; declare it first: colabctl sweep {shlex.quote(name)}"
    if is_file and "/" in name:
        raise UserError(declare_it)
    name = _by_title(layout, name)
    if safe_name(name) != normalize("NFC", name) and (near := _nearest(layout, name)):
        raise UserError(f"sweep {name!r} does not exist; did you mean {near}?")
    wanted = layout.sweep(name)
    check_links(layout.root, wanted)
    layouts = namesakes(layout, name)
    for sweep in layouts if digest is not None else ():
        if _digest(sweep) == digest:
            check_links(layout.root, sweep)
            return sweep
    sweeps = layouts or [each for each in every_sweep(layout) if each.name == wanted.name]
    if sweeps and not (layouts and sweeps[0].replaced):
        check_links(layout.root, sweeps[0])
        return sweeps[0]
    if sweeps:
        raise UserError(
            f"another sweep has got the name {name}, and has not arrived on this machine yet; try "
            f"again later. The earlier one is {sweeps[0].name}"
        )
    names = sweep_names(layout)
    if is_file:
        stem = name.rpartition(".")[0]
        raise UserError(
            f"{name} is a sweep file; name its sweep: {stem}" if stem in names else declare_it
        )
    if not names:
        raise UserError(
            f"sweep {name!r} does not exist; no sweeps yet: declare one with colabctl sweep FILE"
        )
    near = _nearest(layout, name)
    hint = f"did you mean {near}?" if near else f"the sweeps are {', '.join(names)}"
    raise UserError(f"sweep {name!r} does not exist; {hint}")


def _nearest(layout: Layout, name: str) -> str | None:
    """Return the most similar name or title of a sweep in use, in quotes if a shell needs them."""
    sweeps = sweeps_in_use(layout)
    titles = (plan.title for each in sweeps if (plan := plan_if_readable(each)) and plan.title)
    near = nearest(name, (each.name for each in sweeps)) or nearest(name, titles)
    return shlex.quote(near) if near else None


def _by_title(layout: Layout, title: str) -> str:
    """Return the name of the sweep with a title that no folder can have; else the title."""
    name = safe_name(title)
    plan = plan_if_readable(layout.sweep(name)) if name != title else None
    return name if plan is not None and plan.title == " ".join(title.split()) else title


def namesakes(layout: Layout, name: str) -> list[SweepLayout]:
    """Return all sweeps that were declared under a name; the first is found under it."""
    return _namesakes(layout.sweeps, check_name(name, "sweep"))


def folder_apart(layout: Layout, plan: Plan) -> SweepLayout:
    """Return the paths of a sweep that replaces those with its name, in a folder of its own.

    Raises as `check_links` does.
    """
    declared = normalize("NFC", plan.sweep)
    folder = next(
        each
        for each in names_apart(declared, plan.run_digest)
        if not SweepLayout(layout.sweeps / each).plan.exists()
        or _declared_in(layout.sweeps / each) == declared
    )
    sweep = SweepLayout(layout.sweeps / folder, declared)
    check_links(layout.root, sweep)
    return sweep


def check_in_use(sweep: SweepLayout) -> None:
    """Raise UserError for a sweep that is archived."""
    if sweep.archived_at is not None:
        raise UserError(
            f"sweep {sweep.name} was archived by {sweep.archived_by}, so it does not run; bring it "
            f"back: {shlex.join(['colabctl', 'archive', '--undo', sweep.name])}"
        )


def plan_of(sweep: SweepLayout) -> Plan:
    """Return a sweep's plan, with its extensions and the name under which it is found.

    Raises as `read_plan` does.
    """
    plan = read_plan(sweep.plan)
    plan = plan.known_as(sweep.called) if sweep.called else plan
    return extended(plan, extensions_in((sweep.root, *sweep.twins), plan))


def plan_if_readable(sweep: SweepLayout) -> Plan | None:
    """Return a sweep's plan; None if it cannot be read."""
    try:
        return plan_of(sweep)
    except (OSError, UserError):
        return None


def journal_folders(sweep: SweepLayout, plan: Plan) -> list[Path]:
    """Return the folders with journals of a sweep: its own, then those in its twins.

    Where several machines created the folder `journal`, those are among them.
    """
    return list(_everywhere(sweep, plan, "journal"))


def run_folders(sweep: SweepLayout, plan: Plan) -> list[Path]:
    """Return the folders with the files of a sweep's attempts, like `journal_folders`."""
    return list(_everywhere(sweep, plan, "runs"))


def whole_of(sweep: SweepLayout, plan: Plan) -> SweepLayout:
    """Return the paths of a twin that has all files of the declaration; the sweep's, if none has.

    They are the same in all of them, but some may not have arrived, or never will.
    """
    for root in (sweep.root, *sweep.twins):
        twin = replace(sweep, root=root)
        files = [twin.declaration, *(twin.task_file(number) for number in range(plan.files))]
        files += [twin.code / name for name in plan.code_files or ()]
        if all(file.is_file() for file in files):
            return twin
    return sweep


def differing(sweep: SweepLayout, plan: Plan) -> Iterator[str]:
    """Yield a sentence if other sweeps were declared under the name of this one."""
    parent, declared = sweep.root.parent, normalize("NFC", plan.declared_as or plan.sweep)
    sweeps = [each for each in _namesakes(parent, declared) if not each.replaced]
    if len(sweeps) > 1 and not sweep.replaced:
        first, *others = (f"{_declaration(read_plan(each.plan))} is {each.name}" for each in sweeps)
        number = "two" if len(sweeps) == 2 else str(len(sweeps))
        yield (
            f"{number} different sweeps have the name {declared}: {first}; {'; '.join(others)}; "
            "nothing is lost, and every command finds each of them under its own name"
        )
    if plan.consistency == "eventual":
        for folder in (sweep.root, *sweep.twins):
            yield from _other_plans(folder, plan)


def check_links(root: Path, sweep: SweepLayout) -> None:
    """Raise UserError if a link leads one of a sweep's paths out of the project in `root`."""
    for folder in (sweep.root, *sweep.twins):
        twin = SweepLayout(folder)
        for path in (twin.declaration, twin.plan, twin.lock, *twin.folders()):
            check_inside(path, root)
        if twin.lock.is_symlink():
            raise UserError(f"{twin.lock} is a link, which a lock cannot be; remove it")


def settle(
    declared: str,
    held: Iterable[Held],
    taken: Collection[str],
    archive: Mapping[str, Archival] | None = None,
) -> list[SweepLayout]:
    """Return the sweeps in folders whose plans have one name, the first of them with that name.

    The others get names that are not `taken`, and so do those that were replaced, by the `archive`
    of this name. It does not depend on the order or the names of the folders, except that of equal
    plans the one in the folder `declared` comes first.
    """
    held = list(held)
    archive = _without_circle(archive or {}, [each.plan for each in held])

    def order(each: Held) -> tuple[bool, float, str, str, bool, str]:
        plan, digest, folder = each.plan, each.plan.run_digest, each.folder.name
        replaced = digest in archive and archive[digest].replaced_by != ""
        return replaced, plan.declared_at, plan.declared_by, digest, folder != declared, folder

    groups: dict[str, list[Held]] = {}
    for each in sorted(held, key=order):
        groups.setdefault(each.plan.run_digest, []).append(each)
    sweeps: list[SweepLayout] = []
    for digest, (first, *rest) in groups.items():
        record = archive.get(digest)
        replaced = record is not None and record.replaced_by != ""
        others = set(taken) - {each.folder.name for each in (first, *rest)}
        names = names_apart(declared, digest) if sweeps or replaced else [declared]
        name = next((each for each in names if each not in others), names[-1])
        sweeps.append(
            SweepLayout(
                first.folder,
                "" if name == first.folder.name == declared else name,
                tuple(each.folder for each in rest),
                archived_by=record.member if record and record.archived else "",
                archived_at=record.at if record and record.archived else None,
                replaced=replaced,
            )
        )
    return sweeps


def _without_circle(
    archive: Mapping[str, Archival], plans: Sequence[Plan]
) -> Mapping[str, Archival]:
    """Give the name back to one of several sweeps that have replaced each other at the same time.

    It is the one that was declared last. Where a sweep that has got the name is not among these
    `plans`, it has not arrived yet, and keeps the name.
    """
    digests = {plan.run_digest for plan in plans}
    heirs = {archive[digest].replaced_by if digest in archive else "" for digest in digests}
    if not heirs or not heirs <= digests:
        return archive
    last = max(plans, key=lambda plan: (plan.declared_at, plan.declared_by, plan.run_digest))
    record = replace(archive[last.run_digest], archived=False, replaced_by="")
    return {**archive, last.run_digest: record}


def _namesakes(parent: Path, declared: str) -> list[SweepLayout]:
    names, archive = _names(parent), read_archive(Layout(parent.parent))
    near = {each for each in names if _may_hold(each, declared)}
    folders = _by_name(parent, near).get(declared, [])
    return _settled(declared, folders, names, archive.get(declared, {}))


def _may_hold(folder: str, declared: str) -> bool:
    """Whether a folder of this name may hold a sweep that was declared with a name."""
    folder = normalize("NFC", folder)
    original = original_of(folder)
    apart = _APART.fullmatch(original or folder)
    return declared in (folder, original) or (
        apart is not None and declared.startswith(apart["start"])
    )


def _settled(
    declared: str, folders: list[Path], names: Collection[str], archive: Mapping[str, Archival]
) -> list[SweepLayout]:
    """Return the sweeps in folders that have one name; a single folder is rarely read."""
    if len(folders) == 1 and folders[0].name == declared and not archive:
        return [SweepLayout(folders[0])]
    held = []
    for folder in folders:
        with suppress(OSError, UserError):  # doctor says what is wrong
            held.append(Held(folder, read_plan(SweepLayout(folder).plan)))
    if not held:  # opening it says what is wrong
        return [SweepLayout(folder) for folder in folders if folder.name == declared]
    return settle(declared, held, names, archive)


def _by_name(parent: Path, names: Iterable[str]) -> dict[str, list[Path]]:
    """Return the folders that hold sweeps, by the names with which these were declared."""
    by_name: dict[str, list[Path]] = {}
    for folder in sorted({parent / normalize("NFC", name) for name in names}):
        if is_dropping(folder.name):
            continue
        with suppress(UserError):  # someone may have created a folder that cannot be a sweep
            check_name(folder.name, "sweep")
            try:
                is_declared = SweepLayout(folder).plan.is_file()
            except PermissionError:  # opening it says who the owner is
                is_declared = True
            declared = _declared_in(folder) if is_declared else None
            if declared is not None:
                by_name.setdefault(declared, []).append(folder)
    return by_name


def _declared_in(folder: Path) -> str | None:
    """Return the name of the sweep in a folder; None if it is a copy that someone made by hand."""
    original = original_of(folder.name)
    if original is None and not _APART.fullmatch(folder.name):
        return folder.name
    try:
        return normalize("NFC", read_plan(SweepLayout(folder).plan).sweep)
    except (OSError, UserError):  # opening it says what is wrong, if it is a sweep of its own
        is_copy = original is not None and folder.with_name(original).exists()
        return None if is_copy else folder.name


def _everywhere(sweep: SweepLayout, plan: Plan, name: str) -> Iterator[Path]:
    """Yield the folders of a name in all folders that hold a sweep now, its own first."""
    yield sweep.root / name
    if plan.consistency != "eventual":
        return
    digest, parent = plan.run_digest, sweep.root.parent
    declared = normalize("NFC", plan.declared_as or plan.sweep)
    twins = [
        parent / each
        for each in _names(parent)
        if _may_hold(each, declared)
        and each != sweep.root.name
        and _digest(SweepLayout(parent / each)) == digest
    ]
    for folder in sorted({sweep.root, *twins}):
        for each in sorted(_names(folder)):
            path = folder / each
            is_other = name in (each, original_of(each)) and path != sweep.root / name
            if is_other and path.is_dir() and not path.is_symlink():
                yield path


def _other_plans(folder: Path, plan: Plan) -> Iterator[str]:
    """Yield a sentence on each second plan in a sweep's folder that declares something else."""
    for name in sorted(_names(folder)):
        if original_of(name) == "plan.json" and name.isprintable():
            with suppress(OSError, UserError):
                other = read_plan(folder / name)
                if other.run_digest != plan.run_digest:
                    yield (
                        f"{folder} has two different plans: {_declaration(plan)} is plan.json "
                        f"here, and {_declaration(other)} is {name}; other machines may see them "
                        "the other way round, so stop this sweep, leave the folder as it is, and "
                        "declare each again under a new name"
                    )


def _digest(sweep: SweepLayout) -> str | None:
    """Return the digest of what a sweep runs; None if its plan cannot be read."""
    return plan.run_digest if (plan := plan_if_readable(sweep)) else None


def _declaration(plan: Plan) -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(plan.declared_at))
    member = plan.declared_by
    return f"{member if member.isprintable() else ascii(member)}'s, declared at {when},"


def _names(folder: Path) -> set[str]:
    try:
        return set(os.listdir(folder))  # noqa: PTH208 - a Drive is slow
    except (FileNotFoundError, NotADirectoryError):
        return set()
