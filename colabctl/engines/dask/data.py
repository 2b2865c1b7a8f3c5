"""Says what the tasks of a sweep will not find in Dask workers that do not see the project."""

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

from colabctl.engines.contract import Load

_MOST = 5  # names in a message


def unseen(load: Load, address: str) -> Iterator[str]:
    """Yield notes: what travels, and which files of the project the code names."""
    yield (
        f"note: the Dask worker {address} does not see {load.root}: its tasks find the frozen "
        "code, what the sweep stages, and task.folder, which comes back; no other file of the "
        "project"
    )
    names = list(_named(load))
    if names:
        shown = ", ".join(names[:_MOST]) + (", ..." if len(names) > _MOST else "")
        yield (
            f"note: the sweep's code names files of the project, which tasks will not find there: "
            f"{shown}; name them in stage: of the sweep file, or let the Dask workers see the "
            "folder at the same path"
        )


def _named(load: Load) -> Iterator[str]:
    """Yield the paths of the project that the code names in full."""
    seen, staged = set[str](), [source.name for source in load.sources.values()]
    for file, data in sorted(load.code.files.items()):
        if not file.endswith(".py"):
            continue
        try:
            nodes = list(ast.walk(ast.parse(data)))
        except (SyntaxError, ValueError, RecursionError):
            continue
        for node in nodes:
            if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
                continue
            name = node.value.removeprefix("./").rstrip("/")
            if name in seen or name in load.code.files or not _is_path(name):
                continue
            if any(PurePosixPath(name).is_relative_to(each) for each in staged):
                continue
            if (load.root / name).exists():
                seen.add(name)
                yield name


def _is_path(name: str) -> bool:
    """Whether a text can be a path in the project, and no mere word."""
    path = PurePosixPath(name)
    return (
        1 < len(name) < 200
        and name.isprintable()
        and not path.is_absolute()
        and ".." not in path.parts
        and ("/" in name or "." in name.strip("."))
    )
