"""Reads YAML text into a document: plain values, each with its line and column.

It constructs plain values only, whatever tags the text has, and limits the time, memory and stack
that a text can take.
"""

import json
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.reader import Reader

from colabctl.yamlfile.document import DEEPEST, Document, not_json
from colabctl.yamlfile.lookalikes import invisible, surprise
from colabctl.yamlfile.problems import InvalidFileError, Note, Path, Place, Problem, shown
from colabctl.yamlfile.scalars import scalar
from colabctl.yamlfile.syntax import advice

LARGEST = 1_000_000
"""The most bytes of a file."""

MOST_REPEATED = 100_000
"""The most values that all aliases together may repeat."""

MOST_NOTES = 1000
"""The most notes on words that a document has."""

_MERGE = "<<"
_PLAIN_TAGS = (None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_GLUED = re.compile(r"([\w.-]+):(\S.*)")


def read_yaml(
    text: str | bytes, source: str, *, typed: bool = True
) -> tuple[Document, list[Problem]]:
    """Return the one YAML document in `text`, and the problems of single keys and values in it.

    Unless `typed`, every scalar but null is the text that is written. `source` is the name of the
    file, for messages. Raises InvalidFileError for text that is too long or not YAML, and for text
    with several documents, endless aliases, or too many repetitions.
    """
    return _Builder(source, typed=typed).build(_decoded(text, source))


def _decoded(text: str | bytes, source: str) -> str:
    """Return the text without a byte order mark; raise InvalidFileError if it cannot be YAML."""

    def refusal(message: str, before: str | None = None) -> InvalidFileError:
        place = None
        if before is not None:
            place = Place(before.count("\n") + 1, len(before) - before.rfind("\n"))
        return InvalidFileError([Problem(source, place, (), message)])

    if len(text) > LARGEST:
        size = f"{len(text) / 1e6:.1f} MB"
        raise refusal(f"is {size}, and the limit is 1 MB; is this the right file?")
    if isinstance(text, bytes):
        if text.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
            raise refusal("is encoded as UTF-16; save the file as UTF-8")
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode("utf-8")
            byte = f"0x{error.object[error.start]:02x}"
            raise refusal(f"byte {byte} is not UTF-8; save the file as UTF-8", before) from None
    text = text.removeprefix("\ufeff")
    match = Reader.NON_PRINTABLE.search(text)
    if match:
        character = f"U+{ord(match.group()):04X}"
        raise refusal(
            f"the character {character} is not allowed in YAML; delete it", text[: match.start()]
        )
    return text


@dataclass(frozen=True)
class _Anchor:
    """The value that an alias repeats."""

    value: Any
    size: int  # values in it, itself included
    height: int  # levels of maps and lists in it


@dataclass
class _Frame:
    """A map or list that is being read."""

    path: Path
    value: dict[str, Any] | list[Any]
    anchor: str | None
    size: int = 1  # values in it, itself included, aliases counted in full
    height: int = 1
    key: str | None = None  # of a map: the key whose value comes next
    key_end: Place | None = None
    repeats: tuple[Place, Place] | None = None  # where that key is set before, and again
    merging: bool = False  # that key is <<
    merged: list[Any] = field(default_factory=list)

    def next_path(self) -> Path:
        return (*self.path, len(self.value) if isinstance(self.value, list) else self.key or "")

    def expects_key(self) -> bool:
        return isinstance(self.value, dict) and self.key is None

    def put(self, value: Any, size: int, height: int) -> None:
        self.size += size
        self.height = max(self.height, height + 1)
        if isinstance(self.value, list):
            self.value.append(value)
        elif self.merging:
            self.merged = value if isinstance(value, list) else [value]
        elif self.key is not None:
            self.value[self.key] = value
        self.key, self.merging, self.repeats = None, False, None


class _Builder:
    """Builds a document from the events of a YAML parser, with a stack of its own."""

    def __init__(self, source: str, *, typed: bool) -> None:
        self.source = source
        self.typed = typed
        self.keys: dict[Path, Place] = {}
        self.values: dict[Path, Place] = {}
        self.problems: list[Problem] = []
        self.notes: list[Note] = []
        self.frames: list[_Frame] = []
        self.anchors: dict[str, _Anchor | None] = {}  # None: not complete yet
        self.repeated = 0
        self.content: Any = None

    def build(self, text: str) -> tuple[Document, list[Problem]]:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        documents, start = 0, Place(1, 1)
        try:
            for event in yaml.parse(text, Loader=loader):
                place = _place(event.start_mark)
                match event:
                    case yaml.DocumentStartEvent():
                        documents += 1
                        start = place
                    case yaml.ScalarEvent() if documents > 1 and _is_empty(event):
                        pass  # after a last ---
                    case yaml.NodeEvent() if documents > 1:
                        message = "a second document starts here (---); keep one in each file"
                        raise self.refusal(start, message)
                    case yaml.ScalarEvent():
                        self.scalar(event, place)
                    case yaml.AliasEvent():
                        self.alias(event.anchor or "", place)
                    case yaml.MappingStartEvent():
                        self.open({}, event, place)
                    case yaml.SequenceStartEvent():
                        self.open([], event, place)
                    case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                        self.close()
        except yaml.MarkedYAMLError as error:
            place = _place(error.problem_mark)
            raise self.refusal(place, advice(error, text, place)) from None
        content = self.content
        return Document(self.source, content, self.keys, self.values, self.notes), self.problems

    def problem(self, place: Place, path: Path, message: str) -> None:
        self.problems.append(Problem(self.source, place, path, message))

    def refusal(self, place: Place, message: str) -> InvalidFileError:
        """Return the error for text that cannot be read further."""
        self.problem(place, (), message)
        return InvalidFileError(self.problems)

    def put(self, value: Any, size: int = 1, height: int = 0) -> None:
        if not self.frames:
            self.content = value
            return
        frame = self.frames[-1]
        if frame.repeats:
            self.compare(frame, *frame.repeats, value)
        frame.put(value, size, height)

    def compare(self, frame: _Frame, first: Place, place: Place, value: Any) -> None:
        """Record that a key of a map is set again at `place`."""
        assert isinstance(frame.value, dict)
        path = frame.next_path()
        before = frame.value.get(frame.key or "")
        if not frame.merging and _json(before) == _json(value):
            text = f"is set twice to the same value, first in line {first.line}; keep one"
            self.notes.append(Note(place, path, text))
        else:
            self.problem(place, path, f"is set twice, first in line {first.line}; keep one")

    def next_path(self, place: Place) -> Path:
        path = self.frames[-1].next_path() if self.frames else ()
        self.values.setdefault(path, place)
        return path

    def scalar(self, event: yaml.ScalarEvent, place: Place) -> None:
        if self.frames and self.frames[-1].expects_key():
            self.key(event, place)
            return
        path = self.next_path(place)
        try:
            value = scalar(event, typed=self.typed)
            fault = not_json(value)
        except ValueError as error:
            fault = str(error)
        if fault:
            self.problem(place, path, fault)
            value = None
        elif self.typed and event.style in (None, "") and event.tag is None:
            self.look_at(event, path, place, value)
        if event.anchor:
            self.anchors[event.anchor] = _Anchor(value, 1, 0)
        self.put(value)

    def look_at(self, event: yaml.ScalarEvent, path: Path, place: Place, value: Any) -> None:
        """Record a word without quotes that is read as something else than it looks like."""
        if value is None and self.frames and self.frames[-1].key_end == place:
            glued = _GLUED.fullmatch(self.frames[-1].key or "")
            if glued:
                message = f"write a space after the colon: {glued[1]}: {glued[2]}"
                self.problem(place, path, message)
                return
        if len(self.notes) < MOST_NOTES and (text := surprise(event.value, value)):
            repeated = bool(event.anchor) or any(frame.anchor for frame in self.frames)
            self.notes.append(Note(place, path, text, event.value, repeated))

    def key(self, event: yaml.ScalarEvent, place: Place) -> None:
        """Keep a key as it is written: `no` and `1` are the keys "no" and "1"."""
        frame = self.frames[-1]
        frame.key, frame.key_end = event.value, _place(event.end_mark)
        frame.merging = event.value == _MERGE and event.implicit[0]
        path = frame.next_path()
        first = self.keys.setdefault(path, place)
        if frame.merged if frame.merging else event.value in frame.value:
            frame.repeats = first, place
        elif not event.style and (name := invisible(event.value[:1] + event.value[-1:])):
            self.problem(place, path, f"starts or ends with {name}; write an ordinary space")

    def alias(self, name: str, place: Place) -> None:
        if name not in self.anchors:
            raise self.refusal(place, f"*{name} has no anchor &{name} before it")
        anchor = self.anchors[name]
        if anchor is None:
            raise self.refusal(place, f"*{name} is inside &{name} and would never end")
        if self.frames and self.frames[-1].expects_key():
            raise self.refusal(place, f"*{name} cannot be a key; write the key out")
        self.repeated += anchor.size
        if self.repeated > MOST_REPEATED:
            raise self.refusal(place, f"aliases such as *{name} repeat over {MOST_REPEATED} values")
        self.check_depth(len(self.frames) + anchor.height, place)
        self.next_path(place)
        self.put(anchor.value, anchor.size, anchor.height)

    def open(
        self, value: dict[str, Any] | list[Any], event: yaml.CollectionStartEvent, place: Place
    ) -> None:
        if self.frames and self.frames[-1].expects_key():
            kind = "map" if isinstance(value, dict) else "list"
            message = f"a {kind} cannot be a key; is this a template to fill in, or text to quote?"
            raise self.refusal(place, message)
        self.check_depth(len(self.frames) + 1, place)
        path = self.next_path(place)
        if event.tag not in _PLAIN_TAGS:
            self.problem(place, path, f"the tag {shown(event.tag)} is not allowed; remove it")
        if event.anchor:
            self.anchors[event.anchor] = None
        self.frames.append(_Frame(path, value, event.anchor))

    def close(self) -> None:
        frame = self.frames.pop()
        value = frame.value
        if isinstance(value, dict) and frame.merged:
            value = self.merged(frame.merged, value, frame.path)
        if frame.anchor:
            self.anchors[frame.anchor] = _Anchor(value, frame.size, frame.height)
        self.put(value, frame.size, frame.height)

    def merged(self, maps: list[Any], own: dict[str, Any], path: Path) -> dict[str, Any]:
        """Return `own` with the keys that `<<:` adds; the first of several maps wins."""
        merged: dict[str, Any] = {}
        for added in reversed(maps):
            if isinstance(added, dict):
                merged |= added
            else:
                message = "must be a map, as in <<: *defaults"
                self.problem(self.values[(*path, _MERGE)], (*path, _MERGE), message)
        return merged | own

    def check_depth(self, levels: int, place: Place) -> None:
        if levels > DEEPEST:
            raise self.refusal(place, f"is nested more than {DEEPEST} levels deep")


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)


def _is_empty(event: yaml.ScalarEvent) -> bool:
    return not event.value and event.style in (None, "") and event.tag is None


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
