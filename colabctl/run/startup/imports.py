"""Refuses to import or run the project's code that is not frozen.

Others write to the project, so its code may have changed since the sweep was declared. Python may
reach it through a link of the workspace, an entry of sys.path, an editable install, or a path in
the code. If the workspace has a frozen copy, Python loads that. Otherwise, the import fails.

Files that the task itself creates are in the workspace until it ends, so it can import them. The
packages of an environment inside the project are not the project's code.

This file is loaded on its own, into any Python 3 that a task starts, so it imports nothing from
colabctl.
"""

from __future__ import annotations  # for the oldest Python that a task may start

import functools
import io
import os
import sys
import zipimport
from collections.abc import Callable, Sequence
from importlib import _bootstrap_external
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from .patches import after_import
from .paths import Paths, is_code, list_folder
from .settings_files import configures

_external: Any = _bootstrap_external
_COLABCTL = os.path.realpath(os.path.join(__file__, "..", "..", ".."))
_PACKAGES = ("site-packages", "dist-packages")


def guard_imports(paths: Paths) -> None:
    """Let this process load only frozen code of the project."""
    guard = _Guard(paths)
    for loader, method, attribute in (
        (_external.SourceFileLoader, "get_code", "path"),
        (_external.SourcelessFileLoader, "get_code", "path"),
        (_external.ExtensionFileLoader, "create_module", "path"),
        (zipimport.zipimporter, "get_code", "archive"),
        (zipimport.zipimporter, "load_module", "archive"),  # before Python 3.10
    ):
        load = getattr(loader, method)
        if hasattr(load, "__code__"):  # before Python 3.8, zipimport is written in C
            setattr(loader, method, guard.loading(load, attribute))
    sys.path_hooks.insert(0, guard.finder)
    for entry in [e for e in sys.path_importer_cache if guard.is_mirrored(e)]:
        del sys.path_importer_cache[entry]
    sys.meta_path.append(guard)
    if hasattr(io, "open_code"):  # with which runpy.run_path reads, without a loader
        vars(io)["open_code"] = guard.opening(io.open_code)
    after_import("IPython.core.interactiveshell", guard.change_ipython)


def check_script(paths: Paths, script: str) -> None:
    """Run the frozen copy of this process's script in its place; end the process without one."""
    if not os.path.isfile(script):
        return
    try:
        file = _Guard(paths).check(os.path.basename(script), script)
    except ImportError as error:
        # sys.exit would print a traceback, because Python has not finished starting.
        sys.stderr.write("colabctl: %s\n" % error)
        sys.stderr.flush()
        os._exit(1)
    if not os.path.samefile(file, script):
        arguments = [file if argument == script else argument for argument in sys.orig_argv]
        os.execv(sys.executable, arguments)  # noqa: S606 - this very process, with another file


class _Guard:
    """Knows which files may be loaded. As the last finder, it explains why one is not found."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._listed: dict[str, frozenset[str]] = {}

    def check(self, name: str, file: Any) -> str:
        """Return the file to load in the place of this one; raise ImportError if there is none."""
        paths = self._paths
        wanted = os.fsdecode(file)
        full = paths.full(wanted)
        if paths.is_real(full):  # frozen, or created by the task
            return full  # because `tools/../x.py` leaves the workspace if `tools` is a link
        there = paths.outward(full)
        real = os.path.realpath(there)
        if not any(_is_in(path, folder) for path, folder in (
            (there, paths.project), (there, paths.real), (real, paths.real)
        )) or self._is_environment(there, real):  # fmt: skip
            return wanted
        for copy in (paths.inward(there), paths.inward(real)):
            if paths.is_real(copy):
                return copy
        raise ImportError(_refusal(name, there, paths), name=name, path=wanted)

    def _is_environment(self, there: str, real: str) -> bool:
        """Whether a file in the project belongs to an environment there, or to colabctl."""
        environments = (sys.prefix, sys.base_prefix)
        return (
            any(part in _PACKAGES for part in there.split(os.sep))
            or _is_in(real, _COLABCTL)
            or any(
                _is_in(folder, self._paths.real) and _is_in(real, folder)
                for folder in map(os.path.realpath, environments)
                if folder != self._paths.real
            )
        )

    def loading(self, load: Callable[..., Any], attribute: str) -> Callable[..., Any]:
        """Let a loader's method, which takes a module's name or spec, check the loader's file."""

        @functools.wraps(load)
        def checked(loader: Any, module: Any) -> Any:
            name, file = getattr(module, "name", module), getattr(loader, attribute)
            setattr(loader, attribute, self.check(name, file))
            return load(loader, module)

        return checked

    def is_mirrored(self, entry: Any) -> bool:
        """Whether a folder is in the project, and the workspace stands for it."""
        if not isinstance(entry, str) or not entry:
            return False
        full = self._paths.full(entry)
        return self._paths.inward(full) != full and not self._is_environment(full, full)

    def finder(self, entry: str) -> Any:
        """Find modules in the workspace when an entry of sys.path is a folder of the project."""
        if not self.is_mirrored(entry):
            raise ImportError
        folder = self._paths.inward(self._paths.full(entry))
        return _external.FileFinder.path_hook(*_external._get_supported_file_loaders())(folder)  # noqa: SLF001 - as Python's own hook

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Raise ImportError if a module that was not found is in the project; find nothing."""
        module = name.rpartition(".")[2]
        for entry in sys.path if path is None else path:
            folder = self._paths.full(entry or ".") if isinstance(entry, str) else ""
            if self._paths.is_real(folder):
                there = self._paths.outward(folder)
                for file in self._code_in(there):
                    if file.partition(".")[0] == module:
                        where = os.path.join(there, file)
                        raise ImportError(_refusal(name, where, self._paths), name=name)
        return None

    def _code_in(self, folder: str) -> frozenset[str]:
        """Return the modules in a folder of the project; it is listed once, as a Drive is slow."""
        if folder not in self._listed:
            self._listed[folder] = frozenset(
                name
                for name in list_folder(folder)
                if is_code(name) and not configures(name) and not name.endswith(".ipynb")
            )
        return self._listed[folder]

    def opening(self, open_code: Callable[[str], Any]) -> Callable[[str], Any]:
        """Let a function that opens a file of code check it first."""

        @functools.wraps(open_code)
        def checked(path: str) -> Any:
            return open_code(self.check(os.path.basename(path), path))

        return checked

    def change_ipython(self, module: Any) -> None:
        """Check the files of %run, which uses no loader."""
        shell = module.InteractiveShell
        for name in ("safe_execfile", "safe_execfile_ipy"):
            run = getattr(shell, name)

            @functools.wraps(run)
            def checked(
                self_: Any, file: Any, *arguments: Any, run: Any = run, **options: Any
            ) -> Any:
                return run(self_, self.check("%run", file), *arguments, **options)

            setattr(shell, name, checked)


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + os.sep)


def _refusal(name: str, there: str, paths: Paths) -> str:
    """Return the message for a file that is not frozen."""
    file = os.path.relpath(there, paths.project)
    if os.path.basename(file).startswith("__init__."):
        file = os.path.dirname(file)
    fix = "add `code: [%s]` to the sweep file" % file
    if not _is_in(os.path.realpath(there), paths.real):
        fix = "it is behind a link that leads out of the project: replace the link by a copy"
    return (
        "%s is %s in the project, which is not frozen with the sweep, so it may have changed and "
        "does not run; %s, and declare the sweep under another name"
    ) % (name, file, fix)
