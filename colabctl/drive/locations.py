"""Finds the Google Drive id of a folder: from the mount, from a link, or by names below it."""

import re
from pathlib import Path

from colabctl.drive.account import Drive
from colabctl.errors import UserError
from colabctl.sharedfs.ids import drive_id

FOLDER = "application/vnd.google-apps.folder"
SHORTCUT = "application/vnd.google-apps.shortcut"
_SHORTCUTS = ".shortcut-targets-by-id"  # a folder of the mount, with a folder for each id
_ID = re.compile(r"[A-Za-z0-9_-]{10,200}")
_IN_LINK = re.compile(
    r"https://drive\.google\.com/(?:drive/)?(?:u/\d+/)?(?:folders/|open\?(?:.*&)?id=)"
    r"([A-Za-z0-9_-]{10,200})(?:[/?&#].*)?"
)


def id_in(text: str) -> str:
    """Return the id in a link to a folder, or the id itself; raise UserError for another text."""
    match = _IN_LINK.fullmatch(text.strip())
    if match:
        return match[1]
    if _ID.fullmatch(text.strip()):
        return text.strip()
    raise UserError(
        f"{text!r:.100} is not a folder of Google Drive; give its link, such as "
        "https://drive.google.com/drive/folders/ID, or the ID"
    )


def locate(drive: Drive, path: Path, root: Path, link: str | None) -> str:
    """Return the id of the folder `path` in the project's folder `root`.

    `link` leads to the project's folder, or is its id; without one, the mount knows it.
    Folders below one whose id is known are looked up by name. Raises UserError, with what to give,
    if no id is known.
    """
    if link is not None:
        return _below(drive, id_in(link), path.relative_to(root).parts)
    for folder in (path, *path.parents):
        id_ = drive_id(folder) or _shortcut_id(folder)
        if id_:
            return _below(drive, id_, path.relative_to(folder).parts)
    raise UserError(
        f"the Google Drive id of {path} is unknown, because it is not on a mounted Drive; give the "
        "link of the project's folder, from the address line of its page on drive.google.com: "
        "--folder-id LINK"
    )


def _shortcut_id(folder: Path) -> str | None:
    return folder.name if folder.parent.name == _SHORTCUTS and _ID.fullmatch(folder.name) else None


def _below(drive: Drive, id_: str, names: tuple[str, ...]) -> str:
    for name in names:
        id_ = _child(drive, id_, name)
    return id_


def _child(drive: Drive, parent: str, name: str) -> str:
    """Return the id of the folder `name` in a folder, or of the folder that a shortcut leads to."""
    quoted = name.replace("\\", "\\\\").replace("'", "\\'")
    matches = list(
        drive.pages(
            drive.api.files().list,
            "files",
            name,
            q=f"'{parent}' in parents and name = '{quoted}' and trashed = false",
            fields="nextPageToken,incompleteSearch,"
            "files(id,mimeType,shortcutDetails(targetId,targetMimeType))",
            pageSize=100,
            supportsAllDrives=True,
            includeItemsFromAllDrives=True,
        )
    )
    ids = set()
    for entry in matches:
        target = entry.get("shortcutDetails", {})
        if entry["mimeType"] == FOLDER:
            ids.add(entry["id"])
        elif entry["mimeType"] == SHORTCUT and target.get("targetMimeType") == FOLDER:
            ids.add(target["targetId"])
    if len(ids) == 1:
        return str(ids.pop())
    if ids:
        raise UserError(
            f"Google Drive has {len(ids)} folders called {name!r} in one folder; rename all but one"
        )
    raise UserError(
        f"Google Drive has no folder {name!r} there that your account can see; check the id of the "
        "project's folder, or wait until the folder is uploaded"
    )
