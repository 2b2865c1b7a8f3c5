"""A small Google Drive in memory: items, who has access to them, and what Drive makes of both.

The rules are those of Google's guides on sharing, limited access and content restrictions:
no item gives less than the folder above it, except a folder with limited access.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

FOLDER = "application/vnd.google-apps.folder"
SHORTCUT = "application/vnd.google-apps.shortcut"
DOCUMENT = "application/vnd.google-apps.document"
ROLES = ("reader", "commenter", "writer", "fileOrganizer", "organizer", "owner")
_APPS = "application/vnd.google-apps."


class RefusedError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


@dataclass
class Item:
    """A file or folder; `owner` is empty in a shared drive."""

    id: str
    name: str
    type: str
    parent: str | None
    owner: str
    drive: str = ""
    content: bytes = b""
    trashed: bool = False
    digested: bool = True
    target: str = ""
    limited: bool = False
    roles: dict[str, str] = field(default_factory=dict)  # by address, or anyoneWithLink
    restrictions: list[dict[str, Any]] = field(default_factory=list)
    properties: dict[str, str] = field(default_factory=dict)


def grant_id(address: str) -> str:
    """Return the id that Drive knows a person by."""
    if address == "anyoneWithLink":
        return address
    return str(int(hashlib.sha256(address.encode()).hexdigest(), 16))[:20]


def rank(role: str | None) -> int:
    """Return how much a role allows; -1 for none."""
    return ROLES.index(role) if role else -1


class Cloud:
    """All items. Methods named as those of the API take the account that asks."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.mails: list[str] = []
        self.can_limit = True
        self.says_details = True
        self.page_size = 1000

    def add(
        self, path: str, owner: str = "ana@example.org", content: bytes | None = None, **more: Any
    ) -> Item:
        """Add a file with `content`, or a folder, with the folders above it; return it."""
        parent: str | None = None
        drive = more.get("drive", "")
        *above, name = path.split("/")
        for index, each in enumerate(above):
            known = self.find("/".join(above[: index + 1]))
            made = known or self._new(each, FOLDER, parent, "" if drive else owner, drive)
            parent = made.id
        kind = more.pop("type", FOLDER if content is None else "text/csv")
        item = self._new(name, kind, parent, "" if drive else owner, drive)
        item.content = content or b""
        for key, value in more.items():
            setattr(item, key, value)
        return item

    def find(self, path: str) -> Item | None:
        """Return the first item of that path."""
        parent = None
        item = None
        for name in path.split("/"):
            item = next(
                (i for i in self.items.values() if (i.parent, i.name) == (parent, name)), None
            )
            if item is None:
                return None
            parent = item.id
        return item

    def __getitem__(self, path: str) -> Item:
        item = self.find(path)
        assert item is not None, path
        return item

    def _new(self, name: str, kind: str, parent: str | None, owner: str, drive: str) -> Item:
        item = Item(f"id{len(self.items):04d}-{'x' * 20}", name, kind, parent, owner, drive)
        self.items[item.id] = item
        return item

    # Access

    def inherited(self, item: Item) -> dict[str, str]:
        """Return the roles that come from the folder above, by address."""
        if item.parent is None:
            return {}
        above = self.items[item.parent]
        roles = {
            who: "writer" if role == "owner" and who != item.owner else role
            for who, role in self.access(above).items()
        }
        if item.limited:
            return {who: role for who, role in roles.items() if role == "organizer"}
        return roles

    def access(self, item: Item) -> dict[str, str]:
        """Return the role of everyone who can open the item, by address."""
        roles = self.inherited(item)
        for who, role in item.roles.items():
            roles[who] = max(role, roles.get(who, role), key=rank)
        if item.owner:
            roles[item.owner] = "owner"
        return roles

    def role(self, who: str, item: Item) -> str | None:
        """Return what a person can do with an item."""
        roles = self.access(item)
        return max((roles.get(who), roles.get("anyoneWithLink")), key=rank)

    def can_change(self, who: str, item: Item) -> bool:
        """Whether a person can write new content now."""
        locked = any(each.get("readOnly") for each in item.restrictions)
        return rank(self.role(who, item)) >= rank("writer") and not locked

    def _need(self, who: str, item_id: str, role: str, parameters: Mapping[str, str]) -> Item:
        item = self.items.get(item_id)
        hidden = item and item.drive and parameters.get("supportsAllDrives") != "true"
        if item is None or hidden or self.role(who, item) is None:
            raise RefusedError(404, "notFound", f"File not found: {item_id}.")
        if rank(self.role(who, item)) < rank(role):
            raise RefusedError(
                403,
                "insufficientFilePermissions",
                f"The user does not have sufficient permissions for file {item_id}.",
            )
        return item

    # The API

    def about_get(self, who: str, parameters: Mapping[str, str]) -> Any:
        """Return the account."""
        if "fields" not in parameters:
            raise RefusedError(400, "required", "The 'fields' parameter is required.")
        return {"user": {"emailAddress": who, "permissionId": grant_id(who)}}

    def files_get(self, who: str, parameters: Mapping[str, str]) -> Any:
        """Return an item."""
        return self._answer(who, self._need(who, parameters["fileId"], "reader", parameters))

    def files_list(self, who: str, parameters: Mapping[str, str]) -> Any:
        """Return a page of items."""
        query = parameters["q"]
        everywhere = parameters.get("includeItemsFromAllDrives") == "true"
        items = [
            item
            for item in self.items.values()
            if self._matches(query, item)
            and self.role(who, item) is not None
            and (everywhere or not item.drive)
            and parameters.get("driveId", item.drive) == item.drive
        ]
        start = int(parameters.get("pageToken", "0"))
        end = start + min(self.page_size, int(parameters.get("pageSize", "100")))
        page = {"files": [self._answer(who, item) for item in items[start:end]]}
        return page | ({"nextPageToken": str(end)} if end < len(items) else {})

    def _matches(self, query: str, item: Item) -> bool:
        text = r"'((?:[^'\\]|\\.)*)'"
        parents = re.findall(rf"{text} in parents", query)
        rest = re.sub(rf"{text} in parents(?: or )?", "", query)
        name = re.search(rf"name = {text}", rest)
        rest = re.sub(rf"name = {text}", "", rest).replace("trashed = false", "")
        if rest.replace("and", "").strip():
            raise RefusedError(400, "invalid", f"Invalid value for q: {query}")
        wanted = re.sub(r"\\(.)", r"\1", name[1]) if name else item.name
        shown = not self._in_trash(item) or "trashed = false" not in query
        return item.parent in parents and item.name == wanted and shown

    def _in_trash(self, item: Item) -> bool:
        above = item.parent is not None and self._in_trash(self.items[item.parent])
        return item.trashed or above

    def files_update(self, who: str, parameters: Mapping[str, str], body: Any) -> Any:
        """Change an item."""
        item = self._need(who, parameters["fileId"], "writer", parameters)
        owns = self.role(who, item) in ("owner", "organizer")
        if "contentRestrictions" in body:
            strict = [*body["contentRestrictions"], *item.restrictions]
            if item.type in (FOLDER, SHORTCUT):
                raise RefusedError(403, "contentRestrictionNotSupported", "Not for this item.")
            if not owns and any(each.get("ownerRestricted") for each in strict):
                raise RefusedError(403, "insufficientFilePermissions", "Only for the owner.")
            item.restrictions = [each for each in body["contentRestrictions"] if each["readOnly"]]
        if "inheritedPermissionsDisabled" in body:
            if not (owns and self.can_limit and item.type == FOLDER):
                raise RefusedError(403, "insufficientFilePermissions", "Not allowed to limit.")
            item.limited = body["inheritedPermissionsDisabled"]
        for key, value in body.get("properties", {}).items():
            if value is None:
                item.properties.pop(key, None)
            elif len(f"{key}{value}".encode()) > 124 or len(item.properties) >= 30:
                raise RefusedError(403, "propertyLimit", "Too large, or too many properties.")
            else:
                item.properties[key] = value
        return self._answer(who, item)

    def permissions_list(self, who: str, parameters: Mapping[str, str]) -> Any:
        """Return a page of those who have access, and of those who only see a limited folder."""
        item = self._need(who, parameters["fileId"], "writer", parameters)
        answers = list(self._permissions(item))
        start = int(parameters.get("pageToken", "0"))
        end = start + min(self.page_size, int(parameters.get("pageSize", "100")))
        more = {"nextPageToken": str(end)} if end < len(answers) else {}
        return {"permissions": answers[start:end]} | more

    def permissions_create(self, who: str, parameters: Mapping[str, str], body: Any) -> Any:
        """Give access; a role that is there already is raised, never lowered."""
        item = self._need(who, parameters["fileId"], "writer", parameters)
        address = "anyoneWithLink" if body["type"] == "anyone" else body.get("emailAddress", "")
        person = body["type"] in ("user", "group")
        if not address or (not person and "sendNotificationEmail" in parameters):
            raise RefusedError(400, "badRequest", "The permission is not complete.")
        if address.startswith("nobody@"):
            raise RefusedError(400, "invalidSharingRequest", f"No account for {address}.")
        item.roles[address] = max(body["role"], item.roles.get(address, body["role"]), key=rank)
        if person and parameters.get("sendNotificationEmail") != "false":
            self.mails.append(address)
        return {"id": grant_id(address)}

    def permissions_update(self, who: str, parameters: Mapping[str, str], body: Any) -> Any:
        """Change the role that an item itself gives."""
        item = self._need(who, parameters["fileId"], "writer", parameters)
        item.roles[self._direct(item, parameters)] = body["role"]
        return {"id": parameters["permissionId"]}

    def permissions_delete(self, who: str, parameters: Mapping[str, str]) -> Any:
        """Take the role away that an item itself gives."""
        item = self._need(who, parameters["fileId"], "writer", parameters)
        del item.roles[self._direct(item, parameters)]
        return None

    def _direct(self, item: Item, parameters: Mapping[str, str]) -> str:
        ids = {grant_id(who): who for who in item.roles}
        if parameters["permissionId"] in ids:
            return ids[parameters["permissionId"]]
        if parameters["permissionId"] in {grant_id(who) for who in self.access(item)}:
            raise RefusedError(
                403,
                "cannotModifyInheritedPermission",
                "Cannot update or delete an inherited permission.",
            )
        raise RefusedError(404, "notFound", "Permission not found.")

    def _permissions(self, item: Item) -> Iterator[dict[str, Any]]:
        inherited = self.inherited(item)
        for who, role in self.access(item).items():
            details = [
                {"permissionType": "file", "role": each, "inherited": above}
                for each, above in ((item.roles.get(who), False), (inherited.get(who), True))
                if each
            ]
            yield self._person(who, role) | (
                {"permissionDetails": details} if self.says_details and role != "owner" else {}
            )
        if item.limited and item.parent:
            for who in self.access(self.items[item.parent]).keys() - self.access(item).keys():
                yield self._person(who, "reader") | {"view": "metadata"}

    def _person(self, who: str, role: str) -> dict[str, Any]:
        if who == "anyoneWithLink":
            return {"id": who, "type": "anyone", "role": role, "allowFileDiscovery": False}
        kind = "group" if who.startswith("group") else "user"
        name = who.partition("@")[0].title()
        person = {"id": grant_id(who), "type": kind, "role": role, "displayName": name}
        return person | ({} if who.startswith("hidden") else {"emailAddress": who})

    def _answer(self, who: str, item: Item) -> dict[str, Any]:
        role = self.role(who, item)
        owns, writes = role in ("owner", "organizer"), rank(role) >= rank("writer")
        answer: dict[str, Any] = {
            "id": item.id,
            "name": item.name,
            "mimeType": item.type,
            "trashed": self._in_trash(item),
            "inheritedPermissionsDisabled": item.limited,
            "capabilities": {
                "canListChildren": item.type == FOLDER,
                "canShare": writes,
                "canDisableInheritedPermissions": owns and self.can_limit and not item.limited,
                "canEnableInheritedPermissions": owns and self.can_limit and item.limited,
                "canModifyEditorContentRestriction": writes,
                "canModifyOwnerContentRestriction": owns,
            },
        }
        if item.parent:
            answer["parents"] = [item.parent]
        if item.properties:
            answer["properties"] = dict(item.properties)
        if item.restrictions:
            answer["contentRestrictions"] = item.restrictions
        if item.target:
            target = self.items[item.target]
            answer["shortcutDetails"] = {"targetId": target.id, "targetMimeType": target.type}
        if not item.type.startswith(_APPS):
            answer["size"] = str(len(item.content))
            if item.digested:
                answer["sha256Checksum"] = hashlib.sha256(item.content).hexdigest()
        if item.drive:
            return answer | {"driveId": item.drive, "hasAugmentedPermissions": bool(item.roles)}
        owner = {"emailAddress": item.owner, "displayName": item.owner.partition("@")[0].title()}
        answer |= {"ownedByMe": item.owner == who, "owners": [owner]}
        return answer | ({"permissions": list(self._permissions(item))} if writes else {})
