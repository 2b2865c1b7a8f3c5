"""Gathers values as people gave them, each with its place: a line, a variable or an option."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from colabctl.errors import UserError
from colabctl.project.layout import CONFIG
from colabctl.sharedfs.files import read_file

_LARGEST = 1_000_000  # bytes of a file that people write

if TYPE_CHECKING:
    import yaml


@dataclass(frozen=True)
class Given:
    """A value as somebody gave it, and where: which key, in which line, variable or option."""

    value: "str | tuple[Given, ...] | dict[str, Given]"
    where: str

    def text(self) -> str:
        """Return the value, which must be text."""
        if isinstance(self.value, str):
            return self.value
        raise self.wrong("must be one text, not a list or a map")

    def items(self) -> "tuple[Given, ...]":
        """Return the items of the value, which must be a list."""
        if isinstance(self.value, tuple):
            return self.value
        raise self.wrong("must be a list, such as [one, two]")

    def entries(self) -> "dict[str, Given]":
        """Return the entries of the value, which must be a map."""
        if isinstance(self.value, dict):
            return self.value
        raise self.wrong("must be a map, such as {key: value}")

    def wrong(self, fault: str) -> UserError:
        """Return the error that says where the value stands and what is wrong with it."""
        return UserError(f"{self.where} {fault}")


AllGiven = dict[str, Given]
Option = str | float | Sequence[str] | Mapping[str, str] | None


def in_file(path: Path) -> AllGiven:
    """Return what colabctl.yaml gives; empty where it holds nothing but comments.

    Raises UserError, with line and column for what is not YAML, and for a key given twice.
    """
    top = _compose(path)
    return {} if top is None else _from_node(top, CONFIG, depth=2).entries()


def in_environment(
    environ: Mapping[str, str], texts: Iterable[str], lists: Iterable[str], maps: Iterable[str]
) -> AllGiven:
    """Return what COLABCTL_<KEY> gives for these keys: text, a list a,b, or a map a=b,c=d."""
    found: AllGiven = {}
    for keys, read in ((texts, _text), (lists, _list), (maps, _map)):
        for key in keys:
            variable = f"COLABCTL_{key.upper()}"
            if environ.get(variable):
                found[key] = Given(read(environ[variable], variable), variable)
    return found


def in_options(options: Mapping[str, Option]) -> AllGiven:
    """Return what the options of a command give; None is an option that was not given."""
    given: AllGiven = {}
    for key, option in options.items():
        where = f"--{key.replace('_', '-')}"
        if isinstance(option, Mapping):
            entries = {name: Given(text, where) for name, text in option.items()}
            given[key] = Given(entries, where)
        elif isinstance(option, str | int | float):
            given[key] = Given(str(option), where)
        elif option is not None:
            given[key] = Given(tuple(Given(item, where) for item in option), where)
    return given


def _text(text: str, _variable: str) -> str:
    return text


def _list(text: str, variable: str) -> tuple[Given, ...]:
    return tuple(Given(part.strip(), variable) for part in text.split(","))


def _map(text: str, variable: str) -> AllGiven:
    pairs = (part.partition("=") for part in text.split(","))
    return {name.strip(): Given(value.strip(), variable) for name, _, value in pairs}


def _compose(path: Path) -> "yaml.Node | None":
    """Read a YAML file into nodes, which know their lines; nothing is constructed from them."""
    import yaml  # noqa: PLC0415 - only those who read a configuration wait for it

    try:
        text = read_file(path, _LARGEST).decode("utf-8-sig")
    except FileNotFoundError:
        raise UserError(
            f"no {CONFIG} in {path.parent}; make a project with colabctl init, or say where it"
            " is with --root"
        ) from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; check the mount") from None
    if not text.strip():
        raise UserError(
            f"{path} is empty; wait if the Drive is still bringing it, else delete it and run"
            " colabctl init"
        )
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise UserError(f"{CONFIG}{place}: not YAML: {error.problem}; mend that line") from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise UserError(
            f"{CONFIG}, line {line}, column {column}: not YAML: a control character; delete it"
        ) from None
    except RecursionError:
        raise UserError(f"{CONFIG}: too many brackets in each other; write it flat") from None


def _from_node(node: "yaml.Node", where: str, *, depth: int) -> Given:
    """Turn a node into text, list or map, at most `depth` of the last two in each other.

    A scalar stays the text that was written, so a member called `no` or 2024 is no boolean and no
    number; null is "".
    """
    import yaml  # noqa: PLC0415 - loaded already

    if isinstance(node, yaml.ScalarNode):
        return Given("" if node.tag.endswith(":null") else str(node.value), where)
    if depth == 0:
        raise UserError(f"{where} must be one text, not a list or a map")
    if isinstance(node, yaml.SequenceNode):
        key = where.rpartition(": ")[2]
        places = [_at(item, f"{key}, entry {n}") for n, item in enumerate(node.value, 1)]
        pairs = zip(node.value, places, strict=True)
        return Given(tuple(_from_node(item, at, depth=depth - 1) for item, at in pairs), where)
    entries: AllGiven = {}
    for key_node, item in cast("yaml.MappingNode", node).value:
        key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else ""
        at = _at(key_node, key if key.isprintable() else repr(key))
        if not key:
            raise UserError(f"{at}a key must be a word")
        if key in entries:
            raise UserError(f"{at} is given a second time; keep one of the two")
        entries[key] = _from_node(item, at, depth=depth - 1)
    return Given(entries, where)


def _at(node: "yaml.Node", name: str) -> str:
    return f"{CONFIG}, line {node.start_mark.line + 1}: {name}"
