"""Gives people access to a folder of Google Drive by their addresses, and takes it away."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from colabctl.drive import grants
from colabctl.drive.account import Drive
from colabctl.drive.grants import Grant
from colabctl.drive.refusals import DriveError
from colabctl.errors import UserError

_ADDRESS = re.compile(r"[^@\s,;<>\"']+@[^@\s,;<>\"']+\.[^@\s,;<>\"'.]+")


@dataclass(frozen=True)
class Step:
    """What an address can do before and after; None is no access. `grant` is its present one."""

    address: str
    before: str | None
    after: str | None
    grant: Grant | None

    @property
    def needed(self) -> bool:
        """Whether there is something to do."""
        return self.before != self.after


def check_address(address: str) -> str:
    """Return an e-mail address; raise UserError for another text."""
    text = address.strip()
    if not (text.isprintable() and _ADDRESS.fullmatch(text)):
        raise UserError(f"{address!r:.80} is not an e-mail address; write ana@example.org")
    return text


def steps(
    present: Sequence[Grant], addresses: Sequence[str], role: str | None, name: str
) -> list[Step]:
    """Return what gives each address `role`, or takes its access away if that is None.

    Raises UserError for the owner, and for a role that comes from a folder above `name`: Drive lets
    no folder give less.
    """
    by_address = {grant.name.casefold(): grant for grant in present}
    planned = []
    for address in dict.fromkeys(map(check_address, addresses)):
        grant = by_address.get(address.casefold())
        if grant is not None:
            _check(grant, role, name)
        planned.append(Step(address, grant.role if grant else None, role, grant))
    return planned


def _check(grant: Grant, role: str | None, name: str) -> None:
    if grant.role == "owner":
        raise UserError(f"{grant.name} owns {name}; the owner's access cannot be changed")
    if grants.rank(role) < grants.rank(grant.inherited):
        raise UserError(
            f"{grant.name} is {grant.inherited} of a folder above {name}, or of its shared drive; "
            "change that there"
        )


def carry_out(
    drive: Drive,
    folder: str,
    name: str,
    planned: Sequence[Step],
    kind: Literal["user", "group"],
    *,
    email: bool,
) -> list[tuple[Step, DriveError | None]]:
    """Take each step that is needed; return each with why it was refused.

    One refused address does not stop the others. Raises DriveError for a refusal that concerns all.
    """
    done: list[tuple[Step, DriveError | None]] = []
    for step in planned:
        if not step.needed:
            continue
        try:
            _take(drive, folder, name, step, kind, email=email)
        except DriveError as error:
            if not error.local:
                raise
            done.append((step, error))
        else:
            done.append((step, None))
    return done


def _take(
    drive: Drive,
    folder: str,
    name: str,
    step: Step,
    kind: Literal["user", "group"],
    *,
    email: bool,
) -> None:
    has_own = step.grant is not None and (step.grant.direct or not step.grant.inherited)
    if step.after is None:
        assert step.grant is not None  # else there is nothing to take away
        grants.remove(drive, folder, name, step.grant.id)
    elif step.grant is not None and has_own:
        grants.change(drive, folder, name, step.grant.id, step.after)
    else:
        body = {"type": kind, "role": step.after, "emailAddress": step.address}
        grants.give(drive, folder, name, body, email=email)
