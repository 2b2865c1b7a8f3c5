"""Lists what a folder of Google Drive contains, at all depths."""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from colabctl.drive.account import Drive
from colabctl.drive.locations import FOLDER, SHORTCUT
from colabctl.errors import UserError

_APPS = "application/vnd.google-apps."  # types without bytes: documents, forms, maps
_PARENTS = 20  # folders in one question, so that it fits into an address of 2,000 characters
_ALWAYS = "id,name,mimeType,parents,trashed"


@dataclass(frozen=True)
class Entry:
    """A file or folder: its path from the listed folder, and Drive's answer about it.

    `path` has the form of the manifest: POSIX, Unicode form NFC. Drive allows a slash in a name,
    and no file system does; it becomes "_", so that a name never looks like a path.
    """

    path: str
    id: str
    type: str
    trashed: bool
    answer: Mapping[str, Any]

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.type == FOLDER

    @property
    def is_shortcut(self) -> bool:
        """Whether it is a shortcut, which has neither content nor a checksum."""
        return self.type == SHORTCUT

    @property
    def is_document(self) -> bool:
        """Whether it is a Google document, which has no bytes and no checksum."""
        return self.type.startswith(_APPS) and not (self.is_folder or self.is_shortcut)


def entries(drive: Drive, folder: str, name: str, fields: str) -> Iterator[Entry]:
    """Yield everything in the folder with this id and below, outer folders first, also the trash.

    `name` is the folder's, for messages; `fields` are asked of Drive for each entry, besides those
    of `Entry`. Raises UserError if the account may not list the folder.
    """
    about = drive.call(
        drive.api.files().get(
            fileId=folder,
            fields="mimeType,driveId,capabilities(canListChildren)",
            supportsAllDrives=True,
        ),
        name,
    )
    if about["mimeType"] != FOLDER or not about.get("capabilities", {}).get("canListChildren"):
        raise UserError(
            f"your account {drive.address} may not list {name} on Google Drive; ask its owner"
        )
    corpus = {"corpora": "drive", "driveId": about["driveId"]} if "driveId" in about else {}
    seen = {folder}
    level = {folder: ""}
    while level:
        folders: dict[str, str] = {}
        for entry in _level(drive, level, name, f"{_ALWAYS},{fields}", corpus):
            if entry.id in seen:  # pages can overlap when the folder changes meanwhile
                continue
            seen.add(entry.id)
            yield entry
            if entry.is_folder:
                folders[entry.id] = f"{entry.path}/"
        level = folders


def _level(
    drive: Drive, parents: Mapping[str, str], name: str, fields: str, corpus: Mapping[str, str]
) -> Iterator[Entry]:
    ids = list(parents)
    for start in range(0, len(ids), _PARENTS):
        some = " or ".join(f"'{id_}' in parents" for id_ in ids[start : start + _PARENTS])
        for answer in drive.pages(
            drive.api.files().list,
            "files",
            name,
            q=some,
            fields=f"nextPageToken,incompleteSearch,files({fields})",
            pageSize=1000,
            supportsAllDrives=True,
            includeItemsFromAllDrives=True,
            **corpus,
        ):
            parent = next((id_ for id_ in answer.get("parents", ()) if id_ in parents), None)
            if parent is not None:
                name_here = unicodedata.normalize("NFC", answer["name"]).replace("/", "_")
                path = parents[parent] + name_here
                trashed = answer.get("trashed") is True
                yield Entry(path, answer["id"], answer["mimeType"], trashed, answer)
