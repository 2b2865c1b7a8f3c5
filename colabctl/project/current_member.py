"""Finds out which member works on this machine, and remembers the answer outside the project."""

import getpass
import hashlib
import json
import re
import shlex
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import platformdirs

from colabctl.errors import UserError, nearest
from colabctl.project.config import Config
from colabctl.project.layout import check_member
from colabctl.project.members import member_named, members
from colabctl.sharedfs.files import write_whole
from colabctl.sharedfs.records import read_record

_FORMAT = 1
_LARGEST = 100_000  # bytes of a record

Source = Literal["option", "environment", "remembered", "configuration", "only", "answer"]
Ask = Callable[[Sequence[str], str], str | None]
"""Asks a person which member they are: takes the members and a reason; returns one, or None."""


@dataclass(frozen=True)
class CurrentMember:
    """The member who works here, and where the name comes from."""

    name: str
    source: Source


def current_member(
    config: Config, environ: Mapping[str, str], explicit: str | None = None, ask: Ask | None = None
) -> CurrentMember:
    """Return the member who works here.

    The first of these that gives a name decides: `explicit`, COLABCTL_MEMBER, `remember`, the key
    `member` of colabctl.yaml, the only member of the project, and the answer to `ask`.

    Raises:
        UserError: if no member has the name, nothing decides between several members, or the
            project has no members.

    """
    names = members(config.layout, config)
    if explicit:
        return CurrentMember(check_known(explicit, names), "option")
    if variable := environ.get("COLABCTL_MEMBER"):
        return CurrentMember(check_known(variable, names), "environment")
    if not names:
        raise UserError(f"project {config.name} has no members; join it: colabctl member add NAME")
    reason = ""
    if (name := remembered(config.root)) is not None:
        if member := member_named(name, names):
            return CurrentMember(member, "remembered")
        reason = f"you were {name} on this machine, but no member has that name now; "
    if config.member:
        return CurrentMember(check_known(config.member, names), "configuration")
    if len(names) == 1:
        return CurrentMember(names[0], "only")
    if ask is not None and (name := ask(names, reason)):
        return CurrentMember(check_known(name, names), "answer")
    raise UserError(
        f"{reason}which member are you: {', '.join(names)}? Run colabctl me NAME once on this "
        "machine, or use --member or COLABCTL_MEMBER"
    )


def check_known(name: str, names: Sequence[str]) -> str:
    """Return the member called `name`, whatever the case; raise UserError if there is none."""
    member = member_named(name, names)
    if member is None:
        close = nearest(name, names)
        hint = f"did you mean {close}? If not" if close else "to add them"
        raise UserError(
            f"{name!r:.70} is not a member of this project "
            f"(members: {', '.join(names) or 'none'}); "
            f"{hint}: colabctl member add {shlex.quote(name)}"
        )
    return member


# -- memory of this machine ---------------------------------------------------------------------


def remember(root: Path, member: str) -> None:
    """Remember who works in the project at `root` on this machine; raise OSError if that fails."""
    file = _record(root)
    file.parent.mkdir(parents=True, exist_ok=True)
    record = {"format": _FORMAT, "project": str(root.resolve()), "member": member}
    write_whole(file, json.dumps(record).encode() + b"\n")


def remembered(root: Path) -> str | None:
    """Return the name that `remember` recorded; None if there is none or it cannot be read."""
    try:
        return check_member(read_record(_record(root), _LARGEST, _FORMAT)["member"])
    except (OSError, KeyError, TypeError, AttributeError, UserError):
        return None  # the person is asked again


def _record(root: Path) -> Path:
    """Return the file for a project: one for each, so that commands never write to the same one."""
    digest = hashlib.sha256(str(root.resolve()).encode()).hexdigest()
    folder = platformdirs.user_config_path("colabctl", appauthor=False) / "members"
    return folder / f"{digest[:32]}.json"


# -- a name for a person who has not given one --------------------------------------------------


def login_name() -> str:
    """Return the user's login name as a member's name; "me" if that is not possible."""
    try:
        login = getpass.getuser()
    except (KeyError, OSError, ImportError):  # no entry for this user
        return "me"
    name = re.sub(r"[^\w.-]", "-", unicodedata.normalize("NFC", login.rpartition("\\")[2]))
    try:
        return check_member(name.strip("-._"))
    except UserError:
        return "me"
