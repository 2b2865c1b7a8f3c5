"""Builds the wheel of the running colabctl, which workers install from the project."""

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
from colabctl.project.scaffold import Changes, create_missing, folders
from colabctl.sharedfs.files import holds_part
from colabctl.version import VERSION

_DISTRIBUTION = "colabctl-drive"
_PACKAGE = Path(__file__).parents[2]
_METADATA_KEYS = ("Name", "Summary", "Requires-Python", "Provides-Extra", "Requires-Dist")


@dataclass(frozen=True)
class Wheel:
    """A wheel: its file name and its bytes."""

    name: str
    data: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes, in hex."""
        return hashlib.sha256(self.data).hexdigest()


@cache
def wheel() -> Wheel:
    """Return the wheel of the running colabctl, from an installation or a checkout.

    It follows the "Binary distribution format" (packaging.python.org). The same files give the
    same bytes everywhere. The build number in its name is "0x" and the first eight digits of the
    files' digest, so that builds of one version have different names. Raises UserError if colabctl
    is not installed.
    """
    files = _package()
    info = f"{_DISTRIBUTION.replace('-', '_')}-{VERSION}"
    try:
        source = distribution(_DISTRIBUTION)
    except PackageNotFoundError:
        raise UserError(
            f"{_PACKAGE} is not installed, so no wheel can be built from it; run pip install -e . "
            "in its checkout"
        ) from None
    files[f"{info}.dist-info/METADATA"] = _metadata(source)
    files[f"{info}.dist-info/entry_points.txt"] = _entry_points(source)
    build = f"0x{_digest(files)[:8]}"
    files[f"{info}.dist-info/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: colabctl {VERSION}\nRoot-Is-Purelib: true\n"
        f"Tag: py3-none-any\nBuild: {build}\n"
    ).encode()
    record = f"{info}.dist-info/RECORD"
    files[record] = _record(files, record)
    return Wheel(f"{info}-{build}-py3-none-any.whl", _zipped(files))


def place_wheel(layout: Layout) -> Changes:
    """Put the wheel of the running colabctl into the project, unless it is there already.

    Wheels of other builds stay. Raises UserError if another file has its name.
    """
    own = wheel()
    path = layout.records / own.name
    try:
        changes = create_missing({**folders([layout.records]), path: own.data}, layout.root)
    except FileExistsError:  # another process was faster
        changes = Changes((), (layout.records, path))
    # The file is incomplete while another process writes it.
    if path in changes.existing and not holds_part(path, own.data):
        raise UserError(
            f"{path} does not contain this wheel; if the Drive is still downloading it, try again "
            "in a minute; otherwise move it away"
        )
    return changes


def _package() -> dict[str, bytes]:
    """Return the package's files by their names in the wheel."""
    parts = {path: path.relative_to(_PACKAGE.parent).parts for path in _PACKAGE.rglob("*")}
    return {
        "/".join(names): path.read_bytes()
        for path, names in parts.items()
        if path.is_file()
        and path.suffix != ".pyc"
        and not any(name.startswith((".", "__pycache__")) for name in names)
    }


def _metadata(source: Distribution) -> bytes:
    """Return the metadata that pip needs; the rest depends on the tool that built `source`."""
    lines = ["Metadata-Version: 2.1", f"Version: {VERSION}"]
    for key in _METADATA_KEYS:
        lines += [f"{key}: {value}" for value in source.metadata.get_all(key) or ()]
    return "\n".join((*lines, "")).encode()


def _entry_points(source: Distribution) -> bytes:
    commands = source.entry_points.select(group="console_scripts")
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
    """Pack the files; uncompressed, because compression differs from machine to machine."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name)  # dated 1980, the default
            entry.create_system = 3  # Unix
            entry.external_attr = 0o100644 << 16  # the file mode is in the upper half
            archive.writestr(entry, data)
    return buffer.getvalue()
