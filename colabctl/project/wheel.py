"""Makes the wheel of the colabctl that is running, for workers to install from the project."""

import base64
import hashlib
import io
import zipfile
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from colabctl.errors import UserError
from colabctl.project.layout import Layout
from colabctl.project.scaffold import Created, folders, lay
from colabctl.sharedfs.files import holds_part
from colabctl.version import VERSION

_DISTRIBUTION = "colabctl-drive"
_PACKAGE = Path(__file__).parents[1]
_KEPT = ("Name", "Summary", "Requires-Python", "Provides-Extra", "Requires-Dist")


@dataclass(frozen=True)
class Wheel:
    """A wheel's file name and its bytes."""

    name: str
    data: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes, in hex."""
        return hashlib.sha256(self.data).hexdigest()


@cache
def wheel() -> Wheel:
    """Return the wheel of the colabctl that is running, installed or from a checkout.

    Its form is that of the "Binary distribution format" (packaging.python.org). The same files
    give the same bytes everywhere. The build number in its name is "0x" and the first eight digits
    of their digest, so that two builds of one version lie side by side.
    Raises UserError if colabctl runs without having been installed.
    """
    files = _package()
    info = f"{_DISTRIBUTION.replace('-', '_')}-{VERSION}"
    try:
        made = distribution(_DISTRIBUTION)
    except PackageNotFoundError:
        raise UserError(
            f"{_PACKAGE} runs without being installed, and no wheel can be made of it; run "
            "pip install -e . in its checkout"
        ) from None
    files[f"{info}.dist-info/METADATA"] = _metadata(made)
    files[f"{info}.dist-info/entry_points.txt"] = _entry_points(made)
    build = f"0x{_digest(files)[:8]}"
    files[f"{info}.dist-info/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: colabctl {VERSION}\nRoot-Is-Purelib: true\n"
        f"Tag: py3-none-any\nBuild: {build}\n"
    ).encode()
    record = f"{info}.dist-info/RECORD"
    files[record] = _record(files, record)
    return Wheel(f"{info}-{build}-py3-none-any.whl", _zipped(files))


def place_wheel(layout: Layout) -> Created:
    """Put the wheel of the colabctl that is running into the project, if it is not there.

    Those of other builds stay. Raises UserError if another file has its name.
    """
    made = wheel()
    path = layout.records / made.name
    try:
        created = lay({**folders([layout.records]), path: made.data})
    except FileExistsError:  # another process was faster
        created = Created((), (layout.records, path))
    # Part of it is there while somebody writes it.
    if path in created.kept and not holds_part(path, made.data):
        raise UserError(
            f"{path} is not the wheel that it is called after; if the Drive is still bringing it, "
            "try again in a minute, else move it away"
        )
    return created


def _package() -> dict[str, bytes]:
    """Return the files of the package, by their names in the wheel."""
    parts = {path: path.relative_to(_PACKAGE.parent).parts for path in _PACKAGE.rglob("*")}
    return {
        "/".join(names): path.read_bytes()
        for path, names in parts.items()
        if path.is_file()
        and path.suffix != ".pyc"
        and not any(name.startswith((".", "__pycache__")) for name in names)
    }


def _metadata(made: Distribution) -> bytes:
    """Return what pip must know: less than was there, which differs with the tool that made it."""
    lines = ["Metadata-Version: 2.1", f"Version: {VERSION}"]
    for key in _KEPT:
        lines += [f"{key}: {value}" for value in made.metadata.get_all(key) or ()]
    return "\n".join((*lines, "")).encode()


def _entry_points(made: Distribution) -> bytes:
    commands = made.entry_points.select(group="console_scripts")
    lines = sorted(f"{command.name} = {command.value}" for command in commands)
    return "\n".join(("[console_scripts]", *lines, "")).encode()


def _digest(files: dict[str, bytes]) -> str:
    whole = hashlib.sha256()
    for name, data in sorted(files.items()):
        whole.update(f"{name}\0{len(data)}\0".encode() + data)
    return whole.hexdigest()


def _record(files: dict[str, bytes], name: str) -> bytes:
    lines = []
    for path, data in sorted(files.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(data)}\n")
    return "".join((*lines, f"{name},,\n")).encode()


def _zipped(files: dict[str, bytes]) -> bytes:
    """Pack the files; not compressed, since not every machine compresses to the same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name)  # dated 1980, as Zip dates what has no date
            entry.create_system = 3  # Unix, whose modes are in the upper half of the next
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, data)
    return packed.getvalue()
