"""Reads settings, each with its origin: a line of colabctl.yaml or an environment variable."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.project.layout import CONFIG
from colabctl.sharedfs.files import read_file
from colabctl.yamlfile.document import Document
from colabctl.yamlfile.problems import InvalidFileError
from colabctl.yamlfile.problems import Path as KeyPath


@dataclass(frozen=True)
class Setting:
    """A value, and where it was set: the key with its file and line, or the variable."""

    value: "str | tuple[Setting, ...] | dict[str, Setting]"
    where: str

    def text(self) -> str:
        """Return the value, which must be text."""
        if isinstance(self.value, str):
            return self.value
        raise self.error("must be text, not a list or a map")

    def items(self) -> "tuple[Setting, ...]":
        """Return the items of the value, which must be a list."""
        if isinstance(self.value, tuple):
            return self.value
        raise self.error("must be a list, such as [one, two]")

    def entries(self) -> "dict[str, Setting]":
        """Return the entries of the value, which must be a map."""
        if isinstance(self.value, dict):
            return self.value
        raise self.error("must be a map, such as {key: value}")

    def error(self, fault: str) -> UserError:
        """Return an error that says where the value is and what is wrong with it."""
        return UserError(f"{self.where} {fault}")


Settings = dict[str, Setting]


def from_file(path: Path) -> Settings:
    """Return the settings of colabctl.yaml; none if it has only comments.

    Raises UserError for a file that cannot be read, and, with line and column, for one that is not
    YAML or sets a key twice.
    """
    from colabctl.yamlfile.reader import LARGEST, read_yaml  # noqa: PLC0415 - loads PyYAML

    try:
        text = read_file(path, LARGEST)
    except FileNotFoundError:
        raise UserError(
            f"no {CONFIG} in {path.parent}; create a project with colabctl init, or give its"
            " folder with --root"
        ) from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; check the mount") from None
    if not text.strip():
        raise UserError(
            f"{path} is empty; if the Drive is still downloading it, wait; otherwise delete it and"
            " run colabctl init"
        )
    document, problems = read_yaml(text, CONFIG, typed=False)
    if problems:
        raise InvalidFileError(problems)
    return {} if document.content is None else _setting(document.content, (), document).entries()


def from_environment(
    environ: Mapping[str, str],
    texts: Collection[str],
    lists: Collection[str],
    maps: Collection[str],
) -> Settings:
    """Return the settings in COLABCTL_<KEY> for these keys: text, a list a,b, or a map a=b,c=d."""
    settings: Settings = {}
    for key in (*texts, *lists, *maps):
        variable = f"COLABCTL_{key.upper()}"
        text = environ.get(variable)
        if not text:
            continue
        value: str | tuple[Setting, ...] | Settings = text
        if key in lists:
            value = tuple(Setting(part.strip(), variable) for part in text.split(","))
        elif key in maps:
            pairs = (part.partition("=") for part in text.split(","))
            value = {name.strip(): Setting(item.strip(), variable) for name, _, item in pairs}
        settings[key] = Setting(value, variable)
    return settings


def _setting(value: Any, path: KeyPath, document: Document) -> Setting:
    """Return the value at `path`, with the place of its key, or its own in a list; null is ""."""
    where = document.where(path, key=True)
    match value:
        case dict():
            entries = {key: _setting(item, (*path, key), document) for key, item in value.items()}
            return Setting(entries, where)
        case list():
            items = (_setting(item, (*path, n), document) for n, item in enumerate(value))
            return Setting(tuple(items), where)
        case None:
            return Setting("", where)
    return Setting(value, where)
