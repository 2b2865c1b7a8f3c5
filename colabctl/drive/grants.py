"""Who may do what with a file or folder of Google Drive."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from colabctl.drive.account import Drive

ROLES = ("reader", "commenter", "writer", "fileOrganizer", "organizer", "owner")
"""From least to most; organizers are the managers of a shared drive."""

FIELDS = (
    "id,type,role,emailAddress,domain,displayName,deleted,view,allowFileDiscovery,expirationTime,"
    "permissionDetails(inherited,role)"
)
"""The parts of a permission that a `Grant` is read from."""


@dataclass(frozen=True)
class Grant:
    """The role that a person, a group, a domain or anyone with the link has on an item.

    Attributes:
        id: Drive's id of the person or group, the same on all items.
        kind: user, group, domain or anyone.
        role: the highest role, whether it comes from the item or from a folder above.
        direct: the role that the item itself gives; None if there is none, or if Drive does not
            say so.
        inherited: the role that comes from a folder above; None if there is none.
        answer: Drive's own words.

    """

    id: str
    kind: str
    role: str
    direct: str | None
    inherited: str | None
    answer: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The address, else a description."""
        if self.kind == "anyone":
            return "anyone with the link"
        if self.kind == "domain":
            return f"everyone at {self.answer.get('domain', 'an unknown domain')}"
        return str(self.answer.get("emailAddress") or self.answer.get("displayName") or self.id)

    @property
    def above_reader(self) -> bool:
        """Whether the role allows more than reading, and can be lowered."""
        return self.role in ("commenter", "writer", "fileOrganizer")

    @property
    def keeps_access(self) -> bool:
        """Whether limited access does not concern it: the owner, or a shared drive's managers."""
        return self.role in ("owner", "organizer")

    def as_body(self, role: str) -> dict[str, Any] | None:
        """Return the request that gives this person or group a role on another item.

        None if their address is unknown.
        """
        needed = {"user": "emailAddress", "group": "emailAddress", "domain": "domain"}
        copied = {"anyone": ("allowFileDiscovery",), "domain": ("domain", "allowFileDiscovery")}
        keys = copied.get(self.kind, ("emailAddress", "expirationTime"))
        body = {key: self.answer[key] for key in keys if key in self.answer}
        if self.kind in needed and not body.get(needed[self.kind]):
            return None
        return {"type": self.kind, "role": role, **body}


def grants(drive: Drive, item: str, name: str) -> tuple[Grant, ...]:
    """Return who has access to the item with this id, in Drive's order."""
    return read(
        drive.pages(
            drive.api.permissions().list,
            "permissions",
            name,
            fileId=item,
            fields=f"nextPageToken,permissions({FIELDS})",
            pageSize=100,
            supportsAllDrives=True,
        )
    )


def read(answers: Iterator[Mapping[str, Any]]) -> tuple[Grant, ...]:
    """Return the grants in Drive's list of permissions, without those that give no access."""
    return tuple(
        _grant(answer)
        for answer in answers
        if not answer.get("deleted") and answer.get("view") is None
    )


def rank(role: str | None) -> int:
    """Return how much a role allows, from 0; -1 for no access and for a role that is not known."""
    return ROLES.index(role) if role in ROLES else -1


def highest(*roles: str | None) -> str | None:
    """Return the role that allows most."""
    valid = [role for role in roles if role in ROLES]
    return max(valid, key=ROLES.index, default=None)


def _grant(answer: Mapping[str, Any]) -> Grant:
    details = answer.get("permissionDetails", ())
    return Grant(
        id=answer["id"],
        kind=answer["type"],
        role=answer["role"],
        direct=highest(*(each.get("role") for each in details if not each.get("inherited"))),
        inherited=highest(*(each.get("role") for each in details if each.get("inherited"))),
        answer=answer,
    )


def give(drive: Drive, item: str, name: str, body: Mapping[str, Any], *, email: bool) -> None:
    """Give a person or group a role on an item; `email` lets Drive write to them."""
    person = body["type"] in ("user", "group")
    drive.call(
        drive.api.permissions().create(
            fileId=item,
            body=body,
            fields="id",
            supportsAllDrives=True,
            **({"sendNotificationEmail": email} if person else {}),
        ),
        name,
    )


def change(drive: Drive, item: str, name: str, grant: str, role: str) -> None:
    """Change the role of the grant with this id."""
    drive.call(
        drive.api.permissions().update(
            fileId=item,
            permissionId=grant,
            body={"role": role},
            fields="id",
            supportsAllDrives=True,
        ),
        name,
    )


def remove(drive: Drive, item: str, name: str, grant: str) -> None:
    """Remove the grant with this id from an item."""
    drive.call(
        drive.api.permissions().delete(fileId=item, permissionId=grant, supportsAllDrives=True),
        name,
    )
