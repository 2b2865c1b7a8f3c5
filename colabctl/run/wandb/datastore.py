"""Reads the log file of a W&B run, after the run or while it is running.

The file starts with seven bytes of W&B's own. The rest is a log as LevelDB defines it, except that
the checksum is a plain CRC-32: blocks of 32 KB, which hold chunks of records, each with checksum,
length and kind. A record is a protobuf message. Two kinds matter here: values that the run logged,
and changes of its summary. Their field numbers come from W&B's `wandb_internal.proto`. They cannot
change, because W&B's server accepts the logs of every release. So this does not need the `wandb`
package, and the program may use any release of it.
"""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple
from zlib import crc32

_MAGIC = b":W&B\xe1\xbe\x00"  # the last byte is the version of the format
_BLOCK = 32 * 1024
_CHUNK = struct.Struct("<IHB")  # checksum of kind and data, length of the data, kind
_COMPLETE, _FIRST, _LAST = 1, 2, 4  # kinds of chunks
_LONGEST = 1 << 24  # bytes of a record; longer ones hold no metrics and are skipped

_KINDS: dict[int, Literal["history", "summary"]] = {2: "history", 3: "summary"}
_CHANGED, _REMOVED = 1, 2  # in a history or summary; there are no removals from the history
_KEY, _NESTED_KEY, _JSON = 1, 2, 16  # in an item of these


class Entry(NamedTuple):
    """The content of one record.

    Attributes:
        kind: "history" for the values of one step; "summary" for changes of the summary.
        values: each after the keys that lead to it, as in (("val", "f1"), 0.5).
        removed: the keys that lead to each value removed from the summary.
    """

    kind: Literal["history", "summary"]
    values: list[tuple[tuple[str, ...], Any]]
    removed: list[tuple[str, ...]]


class WandbLog:
    """The log of one run; each `read` continues where the last one ended."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._offset = 0  # bytes read so far
        self._parts: list[bytes] | None = None  # of a record that the next chunk continues

    def read(self) -> Iterator[Entry]:
        """Yield the new, complete entries; a later read yields an entry that is incomplete now.

        Raises ValueError, with the name of the file, if it is damaged or of an unknown format.
        """
        try:
            file = self._file.open("rb")
        except OSError:
            return
        with file:
            for record in self._records(file):
                try:
                    entry = _entry(record)
                except (ValueError, IndexError) as error:
                    raise ValueError(f"{self._file.name} holds no W&B records: {error}") from None
                if entry is not None:
                    yield entry

    def _records(self, file: BinaryIO) -> Iterator[bytes]:
        for kind, data in self._chunks(file):
            if kind in (_COMPLETE, _FIRST):
                self._parts = []
            if self._parts is None:
                continue
            self._parts.append(data)
            if sum(map(len, self._parts)) > _LONGEST:
                self._parts = None
            elif kind in (_COMPLETE, _LAST):
                record, self._parts = b"".join(self._parts), None
                yield record

    def _chunks(self, file: BinaryIO) -> Iterator[tuple[int, bytes]]:
        if self._offset == 0:
            magic = file.read(len(_MAGIC))
            if len(magic) < len(_MAGIC):
                return
            if magic != _MAGIC:
                raise ValueError(f"{self._file.name} is not a W&B log of version {_MAGIC[-1]}")
            self._offset = len(_MAGIC)
        while True:
            file.seek(self._offset)
            length = _BLOCK - self._offset % _BLOCK
            block = file.read(length)
            at = 0
            while len(block) - at >= _CHUNK.size:
                checksum, size, kind = _CHUNK.unpack_from(block, at)
                data = block[at + _CHUNK.size : at + _CHUNK.size + size]
                if len(data) < size or crc32(data, crc32(block[at + 6 : at + 7])) != checksum:
                    break
                at += _CHUNK.size + size
                self._offset += _CHUNK.size + size
                yield kind, data
            if len(block) < length:
                return
            if length - at >= _CHUNK.size:
                raise ValueError(f"{self._file.name} is damaged at byte {self._offset}")
            self._offset += length - at  # the rest of the block is too small for a chunk


def _entry(record: bytes) -> Entry | None:
    """Return the content of a record; None if it is of another kind."""
    for number, body in _fields(record):
        if number in _KINDS and isinstance(body, bytes):
            values, removed = [], []
            for change, item in _fields(body):
                if change == _CHANGED and isinstance(item, bytes):
                    values.append(_item(item))
                elif change == _REMOVED and isinstance(item, bytes):
                    removed.append(_item(item)[0])
            return Entry(_KINDS[number], values, removed)
    return None


def _item(item: bytes) -> tuple[tuple[str, ...], Any]:
    """Return the keys that lead to a value, and the value; None if it is not valid JSON."""
    key, nested, value = "", [], None
    for number, content in _fields(item):
        if not isinstance(content, bytes):
            continue
        if number == _JSON:
            try:
                value = json.loads(content.decode())
            except (ValueError, RecursionError):
                value = None
        elif number == _NESTED_KEY:
            nested.append(content.decode(errors="replace"))
        elif number == _KEY:
            key = content.decode(errors="replace")
    return tuple(nested) or (key,), value


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the number and the value of each field of a protobuf message.

    A variable-length integer comes as int, everything else as bytes. The encoding is defined at
    protobuf.dev/programming-guides/encoding. Raises ValueError or IndexError if the bytes are not
    a message.
    """
    at, end = 0, len(message)
    while at < end:
        tag, at = _varint(message, at)
        wire = tag & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        if wire == 2:
            size, at = _varint(message, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if at + size > end:
            raise ValueError("a field is cut off")
        yield tag >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Return the integer at a position, seven bits per byte, and the position after it."""
    value = message[at]
    at += 1
    if value < 0x80:
        return value, at
    value &= 0x7F
    for shift in range(7, 64, 7):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("an integer is too long")
