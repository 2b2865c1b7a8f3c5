"""Reads the configuration of a project: colabctl.yaml, the environment, and options over both."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import cast, get_args

from colabctl.durations import parse_duration
from colabctl.errors import UserError, nearest
from colabctl.project.config_sources import AllGiven, Option, in_environment, in_file, in_options
from colabctl.project.layout import CONFIG, Layout, Paths, check_member
from colabctl.sharedfs.mounts import ConsistencyChoice
from colabctl.sharedfs.names import check_folder, check_label

FORMAT = 1
HEARTBEATS = 2
"""In a lease, at least: one late sign of life loses no task."""

_NAME_OF_SECRET = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


@dataclass(frozen=True)
class Config:
    """What is configured for the project whose folder is `root`; durations are in seconds.

    `heartbeat` and `lease` are None where the consistency of the folder decides them, and
    `task_timeout` where a task may run as long as it likes. `kill_after` lies between SIGTERM and
    SIGKILL of a task that should end, None for the usual 30 s. `members` are those of colabctl.yaml
    alone. `secrets` holds names, never values.
    """

    root: Path
    name: str
    owner: str | None = None
    members: tuple[str, ...] = ()
    member: str | None = None
    read_only: tuple[str, ...] = ("data/raw",)
    paths: Paths = field(default_factory=Paths)
    secrets: tuple[str, ...] = ()
    consistency: ConsistencyChoice = "auto"
    heartbeat: float | None = None
    lease: float | None = None
    task_timeout: float | None = None
    kill_after: float | None = None

    @property
    def layout(self) -> Layout:
        """The paths of the project."""
        return Layout(self.root, self.paths)


def load(root: Path, environ: Mapping[str, str], **overrides: Option) -> Config:
    """Return the configuration of the project in `root`.

    COLABCTL_<KEY> in `environ` wins over colabctl.yaml, and `overrides` (options of a command,
    None where not given) win over both. In the environment a list is written a,b and `paths`
    raw=originals,interim=tmp. Raises UserError, naming the key and where it was given.
    """
    unknown = overrides.keys() - _KEYS
    if unknown:
        raise TypeError(f"load() takes no {', '.join(sorted(unknown))}")
    given = _known(in_file(root / CONFIG))
    given |= in_environment(environ, _TEXTS, _LISTS, ("paths",)) | in_options(overrides)
    paths = _paths(given)
    return Config(
        root=root,
        name=_label(given, "name") or root.absolute().name or "project",
        owner=_label(given, "owner"),
        members=_members(given),
        member=_member(given),
        read_only=_read_only(given, paths),
        paths=paths,
        secrets=_secrets(given),
        consistency=_consistency(given),
        heartbeat=_duration(given, "heartbeat"),
        lease=_lease(given),
        task_timeout=_duration(given, "task_timeout"),
        kill_after=_duration(given, "kill_after"),
    )


_LISTS = ("members", "read_only", "secrets")
_DURATIONS = ("heartbeat", "lease", "task_timeout", "kill_after")
_TEXTS = ("name", "owner", "member", "consistency", *_DURATIONS)
_KEYS = ("format", *_TEXTS, *_LISTS, "paths")


def _known(keys: AllGiven) -> AllGiven:
    """Return the keys of colabctl.yaml that have a value, once all of them are known ones."""
    _check_format(keys)  # first: a newer format may well have other keys
    _check_known(keys, _KEYS)
    return {key: given for key, given in keys.items() if given.value != ""}


def _check_format(keys: AllGiven) -> None:
    if "format" not in keys:
        return
    text = keys["format"].text()
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        raise keys["format"].wrong(f"is {text!r}; it must be {FORMAT}")
    if int(text) > FORMAT:
        raise UserError(f"{CONFIG} was made by a newer colabctl (format {text}); upgrade colabctl")


def _check_known(given: AllGiven, known: Sequence[str]) -> None:
    for key, value in given.items():
        if key not in known:
            close = nearest(key, known)
            mend = f"did you mean {close}?" if close else f"there are {', '.join(known)}"
            raise value.wrong(f"is an unknown key; {mend}")


def _label(given: AllGiven, key: str) -> str | None:
    return check_label(given[key].text(), given[key].where) if key in given else None


def _duration(given: AllGiven, key: str) -> float | None:
    return parse_duration(given[key].text(), given[key].where) if key in given else None


def _lease(given: AllGiven) -> float | None:
    lease, heartbeat = _duration(given, "lease"), _duration(given, "heartbeat")
    if lease and heartbeat and lease < HEARTBEATS * heartbeat:
        raise given["lease"].wrong(
            f"is {given['lease'].text()}, less than two heartbeats of {given['heartbeat'].text()};"
            " make it longer, so that one late sign of life loses no task"
        )
    return lease


def _consistency(given: AllGiven) -> ConsistencyChoice:
    if "consistency" not in given:
        return "auto"
    text = given["consistency"].text()
    if text not in get_args(ConsistencyChoice):
        raise given["consistency"].wrong(f"is {text!r}; choose auto, coherent or eventual")
    return cast("ConsistencyChoice", text)


def _member(given: AllGiven) -> str | None:
    if "member" not in given:
        return None
    try:
        return check_member(given["member"].text())
    except UserError as error:
        raise UserError(f"{given['member'].where}: {error}") from None


def _members(given: AllGiven) -> tuple[str, ...]:
    names: dict[str, str] = {}
    for item in given["members"].items() if "members" in given else ():
        try:
            name = check_member(item.text())
        except UserError as error:
            raise UserError(f"{item.where}: {error}") from None
        if name.casefold() in names:
            raise item.wrong(
                f"({name!r}) is there already, as {names[name.casefold()]!r}; drop one"
            )
        names[name.casefold()] = name
    return tuple(names.values())


def _paths(given: AllGiven) -> Paths:
    if "paths" not in given:
        return Paths()
    entries = given["paths"].entries()
    _check_known(entries, [field.name for field in fields(Paths)])
    try:
        return Paths.moved({name: path.text() for name, path in entries.items()})
    except UserError as error:
        raise UserError(f"{given['paths'].where}: {error}") from None


def _read_only(given: AllGiven, paths: Paths) -> tuple[str, ...]:
    if "read_only" not in given:
        return (paths.raw,)
    return tuple(check_folder(item.text(), item.where) for item in given["read_only"].items())


def _secrets(given: AllGiven) -> tuple[str, ...]:
    items = given["secrets"].items() if "secrets" in given else ()
    for item in items:
        if not _NAME_OF_SECRET.fullmatch(item.text()):  # may be a value: never shown
            raise item.wrong(
                "is not the name of a secret (letters, digits and _); a value never goes in here"
            )
    return tuple(item.text() for item in items)
