"""The YAML text of a sweep file, read into a document.

Nothing is ever constructed but plain values, whatever the tags in the text say, and no text,
however made, takes more than its share of time, memory or stack.
"""

from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.reader import Reader

from colabctl.search.language.document import DEEPEST, Document, unsound
from colabctl.search.language.problems import (
    Path,
    Place,
    Problem,
    Problems,
    SweepFileError,
    shown,
)
from colabctl.search.language.yaml_scalars import scalar

LARGEST = 1_000_000
"""Bytes that a sweep file may have."""

MOST_REPEATED = 100_000
"""Values that aliases may repeat in all."""

_MERGE = "<<"
_PLAIN_TAGS = (None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


def from_text(text: str | bytes, source: str) -> tuple[Document, list[Problem]]:
    """Return the one YAML document in `text`, and what in it is not a plain value.

    Raises SweepFileError for a text that is too long or not YAML, and for one that holds several
    documents, contains itself, or repeats too much by aliases.
    """
    return _Builder(source).build(_decoded(text, source))


def _decoded(text: str | bytes, source: str) -> str:
    """Return the text without a byte order mark; refuse what cannot be YAML before parsing it."""

    def refusal(message: str, before: str | None = None) -> SweepFileError:
        place = None
        if before is not None:
            place = Place(before.count("\n") + 1, len(before) - before.rfind("\n"))
        return SweepFileError([Problem(source, place, (), message)])

    if len(text) > LARGEST:
        size = f"{len(text) / 1e6:.1f} MB"
        raise refusal(f"is {size} long, and a sweep file may have 1 MB; is it the right file?")
    if isinstance(text, bytes):
        data = text
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            before = data[: error.start].decode("utf-8")
            byte = f"0x{data[error.start]:02x}"
            raise refusal(f"byte {byte} is not UTF-8; save the file as UTF-8", before) from None
    text = text.removeprefix("\ufeff")
    odd = Reader.NON_PRINTABLE.search(text)
    if odd:
        character = f"U+{ord(odd.group()):04X}"
        raise refusal(f"the character {character} is not allowed in YAML", text[: odd.start()])
    return text


@dataclass(frozen=True)
class _Anchored:
    """What an alias stands for: how many values, nested how deep."""

    value: Any
    size: int
    height: int


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

    def __init__(self, source: str) -> None:
        self.source = source
        self.keys: dict[Path, Place] = {}
        self.values: dict[Path, Place] = {}
        self.problems = Problems(Document(source, None, self.keys, self.values))
        self.frames: list[_Frame] = []
        self.anchors: dict[str, _Anchored | None] = {}  # None: not complete yet
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
        document = Document(self.source, self.content, self.keys, self.values)
        return document, self.problems.items

    def refusal(self, place: Place, message: str) -> SweepFileError:
        """Return the error for a text that cannot be read any further."""
        last = Problem(self.source, place, (), message)
        return SweepFileError([*self.problems.items, last])

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
        value = None
        try:
            value = scalar(event)
            wrong = unsound(value)
        except ValueError as error:
            wrong = str(error)
        if wrong:
            self.problems.add(path, wrong)
            value = None
        if event.anchor:
            self.anchors[event.anchor] = _Anchored(value, 1, 0)
        self.put(value)

    def key(self, event: yaml.ScalarEvent, place: Place) -> None:
        """Take a key as it is written: `no` and `1` are the keys "no" and "1"."""
        frame = self.frames[-1]
        frame.key = event.value
        frame.merging = event.value == _MERGE and event.implicit[0]
        path = frame.next_path()
        first = self.keys.setdefault(path, place)
        if first is not place:
            message = f"this key stands here twice, first in line {first.line}"
            self.problems.items.append(Problem(self.source, place, path, message))

    def alias(self, name: str, place: Place) -> None:
        if name not in self.anchors:
            raise self.refusal(place, f"*{name} has no anchor &{name} before it")
        known = self.anchors[name]
        if known is None:
            raise self.refusal(place, f"*{name} stands inside &{name} and would never end")
        if self.frames and self.frames[-1].expects_key():
            raise self.refusal(place, f"*{name} cannot be a key; write the key out")
        self.repeated += known.size
        if self.repeated > MOST_REPEATED:
            raise self.refusal(place, f"aliases such as *{name} repeat over {MOST_REPEATED} values")
        self.check_depth(len(self.frames) + known.height, place)
        self.next_path(place)
        self.put(known.value, known.size, known.height)

    def open(
        self,
        value: dict[str, Any] | list[Any],
        event: yaml.CollectionStartEvent,
        place: Place,
    ) -> None:
        if self.frames and self.frames[-1].expects_key():
            what = "map" if isinstance(value, dict) else "list"
            message = f"a {what} cannot be a key; is this a template to fill in, or text to quote?"
            raise self.refusal(place, message)
        self.check_depth(len(self.frames) + 1, place)
        path = self.next_path(place)
        if event.tag not in _PLAIN_TAGS:
            self.problems.add(path, f"the tag {shown(event.tag)} is not allowed")
        if event.anchor:
            self.anchors[event.anchor] = None
        self.frames.append(_Frame(path, value, event.anchor))

    def close(self) -> None:
        frame = self.frames.pop()
        value = frame.value
        if isinstance(value, dict) and frame.merged:
            value = self.merged(frame.merged, value, frame.path)
        if frame.anchor:
            self.anchors[frame.anchor] = _Anchored(value, frame.size, frame.height)
        self.put(value, frame.size, frame.height)

    def merged(self, maps: list[Any], own: dict[str, Any], path: Path) -> dict[str, Any]:
        """Return `own` and what `<<:` adds to it: of several maps with a key, the first counts."""
        merged: dict[str, Any] = {}
        for added in reversed(maps):
            if isinstance(added, dict):
                merged |= added
            else:
                self.problems.add((*path, _MERGE), "must be a map, as in <<: *defaults")
        return merged | own

    def check_depth(self, levels: int, place: Place) -> None:
        if levels > DEEPEST:
            raise self.refusal(place, f"is nested more than {DEEPEST} levels deep")


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)


_MENDS = {
    "mapping values are not allowed": "put text that holds a colon in quotes",
    "',' or": "is a bracket left open?",
    "end of stream": "is a bracket or a quote left open?",
    "expected key": "is this line indented as its neighbours are?",
    "expected <block end>": "is this line indented as its neighbours are?",
    "cannot start any token": "put this text in quotes",
}


def _syntax(error: yaml.MarkedYAMLError, text: str, place: Place) -> str:
    """Return a YAML parser's complaint, with what usually mends it."""
    complaint = str(error.problem)
    line = text.split("\n")[place.line - 1 : place.line]
    mend = next((mend for sign, mend in _MENDS.items() if sign in complaint), None)
    if line and "\t" in line[0][: place.column]:
        mend = "indent with spaces, not with tabs"
    return f"not YAML: {complaint}" + (f"; {mend}" if mend else "")
