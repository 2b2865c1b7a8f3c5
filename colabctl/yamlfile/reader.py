"""Reads YAML text into a document: plain values, each with its line and column.

It constructs plain values only, whatever tags the text has, and limits the time, memory and stack
that a text can take.
"""

from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.reader import Reader

from colabctl.yamlfile.document import DEEPEST, Document, not_json
from colabctl.yamlfile.problems import InvalidFileError, Path, Place, Problem, shown
from colabctl.yamlfile.scalars import scalar

LARGEST = 1_000_000
"""The most bytes of a file."""

MOST_REPEATED = 100_000
"""The most values that all aliases together may repeat."""

_MERGE = "<<"
_PLAIN_TAGS = (None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


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
        self.key, self.merging = None, False


class _Builder:
    """Builds a document from the events of a YAML parser, with a stack of its own."""

    def __init__(self, source: str, *, typed: bool) -> None:
        self.source = source
        self.typed = typed
        self.keys: dict[Path, Place] = {}
        self.values: dict[Path, Place] = {}
        self.problems: list[Problem] = []
        self.frames: list[_Frame] = []
        self.anchors: dict[str, _Anchor | None] = {}  # None: not complete yet
        self.repeated = 0
        self.content: Any = None

    def build(self, text: str) -> tuple[Document, list[Problem]]:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        documents = 0
        try:
            for event in yaml.parse(text, Loader=loader):
                place = _place(event.start_mark)
                match event:
                    case yaml.DocumentStartEvent():
                        documents += 1
                        if documents > 1:
                            raise self.refusal(place, "a second document starts here; keep one")
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
            raise self.refusal(place, _syntax(error, text, place)) from None
        return Document(self.source, self.content, self.keys, self.values), self.problems

    def problem(self, place: Place, path: Path, message: str) -> None:
        self.problems.append(Problem(self.source, place, path, message))

    def refusal(self, place: Place, message: str) -> InvalidFileError:
        """Return the error for text that cannot be read further."""
        self.problem(place, (), message)
        return InvalidFileError(self.problems)

    def put(self, value: Any, size: int = 1, height: int = 0) -> None:
        if self.frames:
            self.frames[-1].put(value, size, height)
        else:
            self.content = value

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
        if event.anchor:
            self.anchors[event.anchor] = _Anchor(value, 1, 0)
        self.put(value)

    def key(self, event: yaml.ScalarEvent, place: Place) -> None:
        """Keep a key as it is written: `no` and `1` are the keys "no" and "1"."""
        frame = self.frames[-1]
        frame.key = event.value
        frame.merging = event.value == _MERGE and event.implicit[0]
        path = frame.next_path()
        first = self.keys.setdefault(path, place)
        if first is not place:
            self.problem(place, path, f"is set twice, first in line {first.line}; keep one")

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


_FIXES = {
    "mapping values are not allowed": "put text that contains a colon in quotes",
    "',' or": "is a bracket left open?",
    "end of stream": "is a bracket or a quote left open?",
    "node content": "is a value missing, or a bracket left open?",
    "could not find expected ':'": "is a colon missing?",
    **dict.fromkeys(
        ("expected key", "expected <block end>", "'-' indicator", "<document start>"),
        "is this line indented like its neighbours?",
    ),
    "cannot start any token": "put this text in quotes",
}


def _syntax(error: yaml.MarkedYAMLError, text: str, place: Place) -> str:
    """Return the parser's complaint with its usual fix."""
    complaint = str(error.problem)
    line = text.split("\n")[place.line - 1 : place.line]
    fix = next((fix for part, fix in _FIXES.items() if part in complaint), "fix this line")
    if line and "\t" in line[0][: place.column]:
        fix = "indent with spaces, not with tabs"
    return f"invalid YAML: {complaint}; {fix}"
