"""Reads a project's configuration from colabctl.yaml and the environment."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import cast, get_args

from colabctl.durations import parse_duration
from colabctl.errors import UserError, nearest
from colabctl.notify import OCCASIONS, Notify, fault_of_occasions, fault_of_secret
from colabctl.project.config_sources import Setting, Settings, from_environment, from_file
from colabctl.project.layout import CONFIG, Layout, Paths, check_member
from colabctl.sharedfs.links import check_inside
from colabctl.sharedfs.mounts import ConsistencyChoice, Guard
from colabctl.sharedfs.names import check_folder, check_label
from colabctl.sizes import parse_size

FORMAT = 1
HEARTBEATS = 2
"""The smallest number of heartbeats in a lease, so that one late heartbeat loses no task."""

MIN_FREE = 1_000_000_000
"""Bytes of free room below which `work` warns, unless the configuration says otherwise."""

_SECRET_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


@dataclass(frozen=True)
class Config:
    """The configuration of the project in the folder `root`; durations are in seconds.

    Attributes:
        members: those in colabctl.yaml only
        secrets: names, never values
        heartbeat, lease: None if they follow from the folder's consistency
        task_timeout: None for no limit
        kill_after: the time from SIGTERM to SIGKILL when a task must end; None for 30 s
        min_free: bytes; with less room in the folder, `work` warns, and with less than a tenth of
            it stops
        raw_copy: a second place with a copy of the raw data: a folder, a zip file or a URL
        stored: in a mirror, the guard that its store gives; not a key of colabctl.yaml

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
    min_free: int = MIN_FREE
    notify: Notify | None = None
    raw_copy: str | None = None
    stored: Guard | None = None

    @property
    def all_secrets(self) -> tuple[str, ...]:
        """The names of all secrets; their values are in no text that colabctl writes."""
        return (*self.secrets, *([self.notify.secret] if self.notify else ()))

    @property
    def layout(self) -> Layout:
        """The project's paths."""
        return Layout(self.root, self.paths)


def load(root: Path, environ: Mapping[str, str]) -> Config:
    """Return the configuration of the project in `root`.

    COLABCTL_<KEY> in `environ` overrides colabctl.yaml; a list is written as a,b there, `paths` as
    raw=originals,interim=tmp, `notify` as url=NAME,on=finished idle. Raises UserError with the key
    and where it was set.
    """
    check_inside(root / CONFIG, root)
    settings = _checked(from_file(root / CONFIG))
    settings |= from_environment(environ, _TEXTS, _LISTS, _MAPS)
    paths = _paths(settings)
    return Config(
        root=root,
        name=_label(settings, "name") or root.absolute().name or "project",
        owner=_label(settings, "owner"),
        members=_members(settings),
        member=_member(settings["member"]) if "member" in settings else None,
        read_only=_read_only(settings, paths),
        paths=paths,
        secrets=_secrets(settings),
        consistency=_consistency(settings),
        heartbeat=_duration(settings, "heartbeat"),
        lease=_lease(settings),
        task_timeout=_duration(settings, "task_timeout"),
        kill_after=_duration(settings, "kill_after"),
        min_free=_size(settings, "min_free", MIN_FREE),
        notify=_notify(settings),
        raw_copy=_raw_copy(settings),
    )


_LISTS = ("members", "read_only", "secrets")
_DURATIONS = ("heartbeat", "lease", "task_timeout", "kill_after")
_TEXTS = ("name", "owner", "member", "consistency", "min_free", "raw_copy", *_DURATIONS)
_MAPS = ("paths", "notify")
_KEYS = ("format", *_TEXTS, *_LISTS, *_MAPS)


def _checked(settings: Settings) -> Settings:
    """Return the settings of colabctl.yaml that have a value; raise UserError for unknown keys."""
    _check_format(settings)  # first: a newer format may have other keys
    _check_keys(settings, _KEYS)
    return {key: setting for key, setting in settings.items() if setting.value != ""}


def _check_format(settings: Settings) -> None:
    if "format" not in settings:
        return
    text = settings["format"].text()
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        raise settings["format"].error(f"is {text!r}; it must be {FORMAT}")
    if int(text) > FORMAT:
        raise UserError(
            f"{CONFIG} was written by a newer colabctl (format {text}, this one reads up to"
            f" {FORMAT}); upgrade colabctl on this machine"
        )


def _check_keys(settings: Settings, keys: Sequence[str]) -> None:
    for key, setting in settings.items():
        if key not in keys:
            close = nearest(key, keys)
            hint = f"did you mean {close}?" if close else f"the keys are {', '.join(keys)}"
            raise setting.error(f"is an unknown key; {hint}")


def _label(settings: Settings, key: str) -> str | None:
    return check_label(settings[key].text(), settings[key].where) if key in settings else None


def _duration(settings: Settings, key: str) -> float | None:
    return parse_duration(settings[key].text(), settings[key].where) if key in settings else None


def _size(settings: Settings, key: str, default: int) -> int:
    return parse_size(settings[key].text(), settings[key].where) if key in settings else default


def _lease(settings: Settings) -> float | None:
    lease, heartbeat = _duration(settings, "lease"), _duration(settings, "heartbeat")
    if lease and heartbeat and lease < HEARTBEATS * heartbeat:
        raise settings["lease"].error(
            f"is {settings['lease'].text()}, less than two heartbeats of "
            f"{settings['heartbeat'].text()}; make it longer, so that one late heartbeat loses no "
            "task"
        )
    return lease


def _consistency(settings: Settings) -> ConsistencyChoice:
    if "consistency" not in settings:
        return "auto"
    text = settings["consistency"].text()
    if text not in get_args(ConsistencyChoice):
        raise settings["consistency"].error(
            f"is {text!r}; choose auto, coherent, eventual or created"
        )
    return cast("ConsistencyChoice", text)


def _member(setting: Setting) -> str:
    try:
        return check_member(setting.text())
    except UserError as error:
        raise UserError(f"{setting.where}: {error}") from None


def _members(settings: Settings) -> tuple[str, ...]:
    names: dict[str, str] = {}
    for item in settings["members"].items() if "members" in settings else ():
        name = _member(item)
        if name.casefold() in names:
            raise item.error(f"({name!r}) repeats {names[name.casefold()]!r}; remove one")
        names[name.casefold()] = name
    return tuple(names.values())


def _paths(settings: Settings) -> Paths:
    if "paths" not in settings:
        return Paths()
    entries = settings["paths"].entries()
    _check_keys(entries, [field.name for field in fields(Paths)])
    try:
        return Paths.moved({name: path.text() for name, path in entries.items()})
    except UserError as error:
        raise UserError(f"{settings['paths'].where}: {error}") from None


def _read_only(settings: Settings, paths: Paths) -> tuple[str, ...]:
    if "read_only" not in settings:
        return (paths.raw,)
    return tuple(check_folder(item.text(), item.where) for item in settings["read_only"].items())


def _raw_copy(settings: Settings) -> str | None:
    if "raw_copy" not in settings:
        return None
    text = settings["raw_copy"].text()
    if not text.isprintable():
        raise settings["raw_copy"].error(
            "has characters that cannot be printed; give a path or URL"
        )
    return text


def _secrets(settings: Settings) -> tuple[str, ...]:
    items = settings["secrets"].items() if "secrets" in settings else ()
    for item in items:
        if not _SECRET_NAME.fullmatch(item.text()):  # it may be a value, so do not show it
            raise item.error(
                "is not the name of a secret (letters, digits and _); never put a value here"
            )
    return tuple(item.text() for item in items)


def _notify(settings: Settings) -> Notify | None:
    if "notify" not in settings:
        return None
    entries = settings["notify"].entries()
    _check_keys(entries, ("url", "on"))
    if "url" not in entries:
        raise settings["notify"].error("has no url: the name of the secret with the address")
    url, on = entries["url"], entries.get("on")
    if fault := fault_of_secret(url.value):
        raise url.error(fault)
    if on is None:
        return Notify(url.text())
    words = on.value.split() if isinstance(on.value, str) else [each.text() for each in on.items()]
    if fault := fault_of_occasions(words):
        raise on.error(fault)
    return Notify(url.text(), tuple(word for word in OCCASIONS if word in words))
