"""Plans how raw data becomes read-only on Google Drive: who loses what, and which files.

On Drive, nothing gives less than the folder above it, except a folder with *limited access*. So the
folder stops inheriting, and everyone who could open it becomes a reader. Roles that a file or a
folder in it gives by itself are lowered, and each file gets a content restriction, which also stops
its owner. Google describes this in its guides "Share files, folders, and drives", "Manage folders
with limited and expansive access" and "Protect file content".

What was there before is recorded in Drive's properties of each changed item, by the ids of persons,
without addresses. While the folder is protected, only its owner can change them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from colabctl.drive import grants
from colabctl.drive.account import Drive
from colabctl.drive.grants import Grant
from colabctl.drive.locations import FOLDER
from colabctl.drive.refusals import DriveError
from colabctl.drive.trees import Entry, entries
from colabctl.errors import UserError

REASON = "Raw data, protected with colabctl"
"""The reason of our content restrictions, by which `--undo` knows them. Drive's page shows it."""
MARK = "colabctl."
_PROTECTED = f"{MARK}protected"
LIMITED = f"{MARK}limited"
WAS = f"{MARK}was."
INHERITED = "inherited"
_MOST_RECORDS = 28  # Drive keeps at most 30 properties of one program
_FOLDER_FIELDS = (
    "id,name,mimeType,ownedByMe,owners(displayName,emailAddress),driveId,parents,properties,"
    "inheritedPermissionsDisabled,capabilities(canDisableInheritedPermissions,"
    "canEnableInheritedPermissions)"
)
FIELDS = (
    "ownedByMe,owners(displayName,emailAddress),driveId,properties,hasAugmentedPermissions,"
    "contentRestrictions(readOnly,reason),capabilities(canModifyEditorContentRestriction,"
    f"canModifyOwnerContentRestriction),permissions({grants.FIELDS})"
)

Act = Literal["change", "give", "remove", "none"]


@dataclass(frozen=True)
class RoleChange:
    """What a person or group can do with an item before and after; None is no access.

    `act` is the request that it takes: none, if limiting the folder is enough. `path` is the item's
    from the folder, empty for the folder itself. `own` is the role that the item itself gave, to be
    recorded; `body` is that of the request "give".
    """

    item: str
    path: str
    grant: str
    name: str
    before: str | None
    after: str | None
    act: Act
    own: str | None = None
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class File:
    """A file that gets a content restriction, or loses ours; only owners remove a strict one."""

    id: str
    path: str
    strict: bool = False


@dataclass(frozen=True)
class Plan:
    """What will change on Google Drive.

    Attributes:
        folder: the id of the folder.
        name: its path in the project.
        limit: whether the folder stops inheriting (protect) or inherits again (undo).
        can_limit: whether this account's folder can be limited.
        roles: changed roles, of the folder first.
        files: files that become read-only (protect) or writable (undo).
        ready: number of files that are read-only already.
        impossible: files that this account cannot restrict.
        owners: how many files belong to others, who keep full rights on them.
        records: new values of properties for each changed item; None removes one.

    """

    folder: str
    name: str
    limit: bool
    can_limit: bool
    roles: tuple[RoleChange, ...]
    files: tuple[File, ...]
    ready: int
    impossible: tuple[str, ...]
    owners: Mapping[str, int]
    records: Mapping[str, Mapping[str, str | None]]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to change."""
        return not (self.limit or self.roles or self.files or self.records)


def plan(drive: Drive, folder: str, name: str) -> Plan:
    """Return what protects the folder with this id; `name` is its path in the project.

    Raises UserError if the account does not own the folder or manage its shared drive.
    """
    about = owned_folder(drive, folder, name)
    present = grants.grants(drive, folder, name)
    disabled = about.get("inheritedPermissionsDisabled") is True
    old = about.get("properties", {})
    ours = _PROTECTED in old and (disabled or LIMITED not in old)
    above = _above(drive, about)
    can_limit = disabled or about["capabilities"].get("canDisableInheritedPermissions") is True
    roles = [
        change
        for grant in present
        if not grant.keeps_access and grant.id != drive.grant_id
        for change in _on_folder(folder, grant, above, disabled=disabled, can_limit=can_limit)
    ]
    if ours and LIMITED in old:  # those who joined the project since
        ids = {grant.id for grant in present}
        joined = [each for each in above.values() if each.id not in ids | {drive.grant_id}]
        roles += [_given(folder, each, None) for each in joined if each.role != "organizer"]
    limit = can_limit and not disabled
    marks = {_PROTECTED: "yes"} | ({LIMITED: "yes"} if limit else {})
    records = {folder: _record(about, roles, marks, fresh=not ours)}
    files: list[File] = []
    impossible: list[str] = []
    owners: Counter[str] = Counter()
    ready = 0
    by_id = {grant.id: grant for grant in present}
    for entry in entries(drive, folder, name, FIELDS):
        if entry.trashed or entry.is_shortcut:
            continue
        lowered = _on_item(drive, entry, by_id)
        roles += lowered
        if lowered:
            records[entry.id] = _record(entry.answer, lowered, {}, fresh=not ours)
        if entry.is_folder:
            continue
        owner = owner_of(entry.answer)
        if owner and not entry.answer.get("ownedByMe"):
            owners[owner] += 1
        may = entry.answer.get("capabilities", {})
        if any(each.get("readOnly") for each in entry.answer.get("contentRestrictions", ())):
            ready += 1
        elif may.get("canModifyOwnerContentRestriction"):
            files.append(File(entry.id, entry.path, strict=True))
        elif may.get("canModifyEditorContentRestriction"):
            files.append(File(entry.id, entry.path))
        else:
            impossible.append(entry.path)
    return Plan(
        folder=folder,
        name=name,
        limit=limit,
        can_limit=can_limit,
        roles=tuple(roles),
        files=tuple(files),
        ready=ready,
        impossible=tuple(impossible),
        owners=owners,
        records={item: record for item, record in records.items() if record},
    )


def owned_folder(drive: Drive, folder: str, name: str) -> Mapping[str, Any]:
    """Return Drive's answer about a folder that the account owns or manages.

    Raises UserError, which names the owner, for another.
    """
    about: Mapping[str, Any] = drive.call(
        drive.api.files().get(fileId=folder, fields=_FOLDER_FIELDS, supportsAllDrives=True), name
    )
    if about["mimeType"] != FOLDER:
        raise UserError(f"{name} is not a folder on Google Drive; give the id of a folder")
    may = about.get("capabilities", {})
    manages = may.get("canDisableInheritedPermissions") or may.get("canEnableInheritedPermissions")
    if "driveId" in about and not manages:
        raise UserError(
            f"{name} is in a shared drive that {drive.address} does not manage; ask one of its "
            "managers to run this command"
        )
    if "driveId" not in about and not about.get("ownedByMe"):
        raise UserError(
            f"{name} belongs to {owner_of(about) or 'someone else'} on Google Drive, and you are "
            f"{drive.address}; ask the owner to run this command"
        )
    return about


def owner_of(answer: Mapping[str, Any]) -> str:
    """Return the address or name of an item's owner; empty in a shared drive."""
    owner: Mapping[str, Any] = next(iter(answer.get("owners", ())), {})
    return str(owner.get("emailAddress") or owner.get("displayName") or "")


def _above(drive: Drive, about: Mapping[str, Any]) -> dict[str, Grant]:
    """Return who has access to the folder above, by id; nothing if the account may not see it."""
    parent = next(iter(about.get("parents", ())), None)
    if parent is None:
        return {}
    try:
        return {grant.id: grant for grant in grants.grants(drive, parent, "the folder above")}
    except DriveError as error:
        if not error.local:
            raise
        return {}


def _on_folder(
    folder: str, grant: Grant, above: Mapping[str, Grant], *, disabled: bool, can_limit: bool
) -> Iterable[RoleChange]:
    direct = grant.role if disabled else _direct(grant, above)
    if direct is None:
        if can_limit:
            yield _given(folder, grant, grant.role)
    elif direct != "reader":
        yield RoleChange(folder, "", grant.id, grant.name, grant.role, "reader", "change", direct)
    elif grant.above_reader and can_limit:
        yield RoleChange(folder, "", grant.id, grant.name, grant.role, "reader", "none")


def _direct(grant: Grant, above: Mapping[str, Grant]) -> str | None:
    """Return the role that an item itself gives; where Drive does not say it, by comparison."""
    if grant.direct or grant.inherited:
        return grant.direct
    higher = above.get(grant.id)
    inherits = higher and grants.rank(higher.role) >= grants.rank(grant.role)
    return None if inherits else grant.role


def _given(folder: str, grant: Grant, before: str | None) -> RoleChange:
    """Return the change that lets a person read a limited folder."""
    body = grant.as_body("reader")
    after = "reader" if body else None
    act: Act = "give" if body else "none"
    return RoleChange(folder, "", grant.id, grant.name, before, after, act, INHERITED, body)


def _on_item(drive: Drive, entry: Entry, folder: Mapping[str, Grant]) -> list[RoleChange]:
    """Return the roles to lower that an item in the folder gives by itself."""
    answer = entry.answer
    if "permissions" in answer:
        present = grants.read(answer["permissions"])
    elif answer.get("hasAugmentedPermissions"):
        present = grants.grants(drive, entry.id, entry.path)
    else:
        return []
    return [
        RoleChange(entry.id, entry.path, grant.id, grant.name, grant.role, "reader", "change", own)
        for grant in present
        if grant.above_reader
        and grant.id != drive.grant_id
        and (own := _direct(grant, folder)) not in (None, "reader")
    ]


def _record(
    about: Mapping[str, Any],
    changes: Iterable[RoleChange],
    marks: Mapping[str, str],
    *,
    fresh: bool,
) -> dict[str, str | None]:
    """Return the properties to set before `changes`, so that they can be undone, and `marks`.

    A `fresh` record replaces what is there, which someone else may have written.
    """
    old = about.get("properties", {})
    new: dict[str, str | None] = {}
    if fresh:
        new |= {key: None for key in old if key.startswith(MARK)}
        old = {}
    for change in changes:
        key = f"{WAS}{change.grant}"
        if change.act != "none" and key not in old:
            new[key] = change.own
    new |= {key: value for key, value in marks.items() if old.get(key) != value}
    if sum(value is not None for value in (old | new).values()) > _MOST_RECORDS:
        raise UserError(
            f"more than {_MOST_RECORDS} people and groups have access, and Drive has no room to "
            "record their roles; give access to one Google group instead"
        )
    return new
