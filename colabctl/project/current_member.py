"""Finds out which member works on this machine, and remembers the answer outside the project."""

import getpass
import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import platformdirs

from colabctl.errors import UserError
from colabctl.project.config import Config
from colabctl.project.layout import check_member
from colabctl.project.member_records import Person
from colabctl.project.members import member_named, people, person_named, unknown
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
    everyone = people(config.layout, config)
    names = tuple(person.name for person in everyone if not person.is_retired)
    if explicit:
        return CurrentMember(check_known(explicit, everyone), "option")
    if variable := environ.get("COLABCTL_MEMBER"):
        return CurrentMember(check_known(variable, everyone), "environment")
    if not names:
        raise UserError(f"project {config.name} has no members; join it: colabctl member add NAME")
    reason = ""
    if (name := remembered(config.root)) is not None:
        person = person_named(name, everyone)
        if person is not None and not person.is_retired:
            return CurrentMember(person.name, "remembered")
        why = "has retired" if person else "is not a member now"
        reason = f"you were {name} on this machine, but {name} {why}; "
    if config.member:
        return CurrentMember(check_known(config.member, everyone), "configuration")
    if len(names) == 1 and not reason:
        return CurrentMember(names[0], "only")
    if ask is not None and (name := ask(names, reason)):
        return CurrentMember(check_known(name, everyone), "answer")
    raise UserError(
        f"{reason}which member are you: {', '.join(names)}? Run colabctl me NAME once on this "
        "machine, or use --member or COLABCTL_MEMBER"
    )


def check_known(name: str, among: Sequence[Person]) -> str:
    """Return the current name of the member called `name` now or earlier, whatever the case.

    Raises UserError if there is none, or if they have retired.
    """
    member = member_named(name, among)
    if member is None:
        raise unknown(name, among)
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
