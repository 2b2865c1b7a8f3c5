"""Carries out a plan that protects raw data on Google Drive, or undoes one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from colabctl.drive import grants
from colabctl.drive.account import Drive
from colabctl.drive.protection import (
    FIELDS,
    INHERITED,
    LIMITED,
    MARK,
    REASON,
    WAS,
    File,
    Plan,
    RoleChange,
    owned_folder,
)
from colabctl.drive.refusals import DriveError
from colabctl.drive.trees import Entry, entries

Progress = Callable[[int, int], None]
"""Called with the number of files that are done, and of all."""


@dataclass(frozen=True)
class Outcome:
    """How many files were changed, and what was refused: a path or person, and why."""

    files: int
    refused: tuple[tuple[str, str], ...]


def protect(drive: Drive, plan: Plan, progress: Progress) -> Outcome:
    """Make the planned changes; what was there before is recorded first.

    A refusal that concerns one file or person does not stop the others. Raises DriveError for any
    other. It is safe to repeat after an interruption.
    """
    for item, record in plan.records.items():
        _set_properties(drive, item, plan.name, record)
    refused: list[tuple[str, str]] = []
    on_folder = [change for change in plan.roles if change.item == plan.folder]
    if plan.limit:  # first: until then, nothing is lost if this is interrupted
        _set_limited(drive, plan, limited=True)
    present = {grant.id: grant for grant in grants.grants(drive, plan.folder, plan.name)}
    for change in on_folder:
        own = present.get(change.grant) if change.act == "give" else None
        if own is None:
            _try(refused, change.name, drive, plan, change)
        elif own.above_reader:  # limited access has made it a role of the folder itself
            _try(refused, change.name, drive, plan, replace(change, act="change"))
    for change in plan.roles:
        if change.item != plan.folder:
            _try(refused, f"{change.path}: {change.name}", drive, plan, change)
    restriction = {"readOnly": True, "reason": REASON}

    def restrict(file: File) -> None:
        _restrict(drive, file, restriction | ({"ownerRestricted": True} if file.strict else {}))

    done = _each_file(drive, plan, restrict, refused, progress)
    names = {name for name, _ in refused}
    for grant in grants.grants(drive, plan.folder, plan.name):
        others = grant.above_reader and grant.id != drive.grant_id and grant.name not in names
        if others and plan.can_limit:
            refused.append((grant.name, f"is still {grant.role} of {plan.name}"))
    return Outcome(done, tuple(refused))


def undo_plan(drive: Drive, folder: str, name: str) -> Plan:
    """Return what brings back the roles that were recorded, and makes the files writable again.

    Raises UserError if the account does not own the folder or manage its shared drive.
    """
    about = owned_folder(drive, folder, name)
    properties: Mapping[str, str] = about.get("properties", {})
    limited = LIMITED in properties and about.get("inheritedPermissionsDisabled") is True
    present = grants.grants(drive, folder, name)
    roles = _restored(folder, "", properties, present)
    records = {folder: {key: None for key in properties if key.startswith(MARK)}}
    files = []
    for entry in entries(drive, folder, name, FIELDS):
        record = entry.answer.get("properties", {})
        if any(key.startswith(WAS) for key in record):
            roles += _restored(entry.id, entry.path, record, _grants_of(drive, entry))
            records[entry.id] = {key: None for key in record if key.startswith(WAS)}
        restrictions = entry.answer.get("contentRestrictions", ())
        if any(each.get("readOnly") and each.get("reason") == REASON for each in restrictions):
            files.append(File(entry.id, entry.path))
    return Plan(
        folder=folder,
        name=name,
        limit=limited,
        can_limit=limited,
        roles=tuple(roles),
        files=tuple(files),
        ready=0,
        impossible=(),
        owners={},
        records={item: record for item, record in records.items() if record},
    )


def undo(drive: Drive, plan: Plan, progress: Progress) -> Outcome:
    """Make the planned changes. The records are removed last, so that it can be repeated."""
    refused: list[tuple[str, str]] = []
    done = _each_file(
        drive, plan, lambda file: _restrict(drive, file, {"readOnly": False}), refused, progress
    )
    for change in plan.roles:  # while the folder is limited, its own roles are all there are
        label = f"{change.path}: {change.name}" if change.path else change.name
        _try(refused, label, drive, plan, change)
    if plan.limit:
        _set_limited(drive, plan, limited=False)
    if not refused:
        for item, record in plan.records.items():
            _set_properties(drive, item, plan.name, record)
    return Outcome(done, tuple(refused))


def _restored(
    item: str, path: str, properties: Mapping[str, str], present: tuple[grants.Grant, ...]
) -> list[RoleChange]:
    """Return the changes that bring the recorded roles back; the rest is as someone wanted it."""
    changes = []
    for grant in present:
        was = properties.get(f"{WAS}{grant.id}")
        if was is None or grant.role != "reader":
            continue
        if was == INHERITED:
            after = "as in the folder above"
            changes.append(
                RoleChange(item, path, grant.id, grant.name, grant.role, after, "remove")
            )
        elif was in ("commenter", "writer", "fileOrganizer"):
            changes.append(RoleChange(item, path, grant.id, grant.name, grant.role, was, "change"))
    return changes


def _grants_of(drive: Drive, entry: Entry) -> tuple[grants.Grant, ...]:
    if "permissions" in entry.answer:
        return grants.read(entry.answer["permissions"])
    return grants.grants(drive, entry.id, entry.path)


def _try(
    refused: list[tuple[str, str]], label: str, drive: Drive, plan: Plan, change: RoleChange
) -> None:
    try:
        _carry_out(drive, change, change.path or plan.name)
    except DriveError as error:
        if not error.local:
            raise
        refused.append((label, str(error)))


def _carry_out(drive: Drive, change: RoleChange, name: str) -> None:
    if change.act == "change" and change.after:
        grants.change(drive, change.item, name, change.grant, change.after)
    elif change.act == "remove":
        grants.remove(drive, change.item, name, change.grant)
    elif change.act == "give" and change.body:
        grants.give(drive, change.item, name, change.body, email=False)


def _each_file(
    drive: Drive,
    plan: Plan,
    change: Callable[[File], None],
    refused: list[tuple[str, str]],
    progress: Progress,
) -> int:
    done = 0
    for count, (file, error) in enumerate(drive.each(change, plan.files), 1):
        progress(count, len(plan.files))
        if error:
            refused.append((file.path, str(error)))
        else:
            done += 1
    return done


def _restrict(drive: Drive, file: File, restriction: Mapping[str, object]) -> None:
    drive.call(
        drive.api.files().update(
            fileId=file.id,
            body={"contentRestrictions": [restriction]},
            fields="id",
            supportsAllDrives=True,
        ),
        file.path,
    )


def _set_limited(drive: Drive, plan: Plan, *, limited: bool) -> None:
    drive.call(
        drive.api.files().update(
            fileId=plan.folder,
            body={"inheritedPermissionsDisabled": limited},
            fields="id",
            supportsAllDrives=True,
        ),
        plan.name,
    )


def _set_properties(drive: Drive, item: str, name: str, record: Mapping[str, str | None]) -> None:
    drive.call(
        drive.api.files().update(
            fileId=item, body={"properties": record}, fields="id", supportsAllDrives=True
        ),
        name,
    )
