"""Writes and reads SHA256SUMS, with which `sha256sum -c` checks a folder without colabctl."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from colabctl.project.raw.listing import File, shared_form
from colabctl.project.raw.manifest import FileRecord
from colabctl.sharedfs.files import read_file

_LARGEST = 1 << 28  # bytes
_LINE = re.compile(rb"(\\?)([0-9a-f]{64}) [ *](.+)", re.DOTALL)
# As GNU coreutils 9 writes them: a line that starts with a backslash has these in its name.
_ESCAPES = ((b"\\", rb"\\"), (b"\n", rb"\n"), (b"\r", rb"\r"))
_UNESCAPES = {rb"\\": b"\\", rb"\n": b"\n", rb"\r": b"\r"}


def dump(folder: str, records: Mapping[str, FileRecord], files: Mapping[str, File]) -> bytes:
    """Return the lines for the recorded files of `folder`, to be checked in the folder above it.

    `files` are those that are there: their names are as on the disk. `sha256sum` follows links, so
    they are left out.
    """
    lines = []
    for name, record in sorted(records.items()):
        if not record.link:
            real = files[name].real if name in files else name.encode()
            lines.append(_line(os.fsencode(folder) + b"/" + real, record.sha256))
    return b"".join(lines)


def read(path: Path, folder: str) -> dict[str, str] | None:
    """Return the digests in SHA256SUMS by path from the folder, None without the file.

    Lines that are not complete are passed over. Raises OSError if it cannot be read.
    """
    try:
        data = read_file(path, _LARGEST)
    except FileNotFoundError:
        return None
    digests = {}
    for line in data.split(b"\n"):
        if match := _LINE.fullmatch(line.removesuffix(b"\r")):
            escaped, digest, name = match.groups()
            name = _unescaped(name) if escaped else name
            digests[shared_form(name.removeprefix(os.fsencode(folder) + b"/"))] = digest.decode()
    return digests


def differences(digests: Mapping[str, str], records: Mapping[str, FileRecord]) -> list[str]:
    """Return the recorded files for which SHA256SUMS says something else.

    A file that it does not list, or that only it lists, is one of them.
    """
    expected = {name: record.sha256 for name, record in records.items() if not record.link}
    return sorted(
        name for name in expected.keys() | digests.keys() if expected.get(name) != digests.get(name)
    )


def _line(name: bytes, digest: str) -> bytes:
    escaped = name
    for char, escape in _ESCAPES:
        escaped = escaped.replace(char, escape)
    return b"%s%s  %s\n" % (b"\\" if escaped != name else b"", digest.encode(), escaped)


def _unescaped(name: bytes) -> bytes:
    return re.sub(rb"\\[\\nr]", lambda match: _UNESCAPES[match[0]], name)
