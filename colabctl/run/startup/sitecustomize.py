"""Prepares a task's Python when it starts, then runs the sitecustomize that this one hides."""

import os
import sys
import types

_here = os.path.dirname(os.path.abspath(__file__))
# The other files are loaded as a package of this name: colabctl may not be installed here.
_PACKAGE = "colabctl_startup"


def _hand_over() -> None:
    """Run the sitecustomize that this one hides, if there is one."""
    sys.path[:] = [path for path in sys.path if path != _here]
    this = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # type: ignore[import-not-found] # noqa: F401, PLC0415 - the real one
    except ImportError:
        if this is not None:
            sys.modules["sitecustomize"] = this


def _add_script_folder(script: str) -> None:
    """Let a script import the modules next to it: PYTHONSAFEPATH also excludes its folder."""
    script = os.path.realpath(script) if script else ""
    if os.path.isfile(script):
        sys.path.insert(0, os.path.dirname(script))


def _prepare() -> None:
    package = types.ModuleType(_PACKAGE)
    package.__path__ = [_here]
    sys.modules[_PACKAGE] = package
    from colabctl_startup import patches  # type: ignore[import-not-found] # noqa: PLC0415 - see above

    patches.change_modules()
    guarded = os.environ.get("COLABCTL_GUARDED")
    lines = os.environ.get("COLABCTL_WORKSPACE_STAGED", "").splitlines()
    staged = [line.split("\t") for line in lines]
    if guarded or staged:
        from colabctl_startup import raw_guard  # noqa: PLC0415 - see above

        raw_guard.guard(guarded.split("\n") if guarded else ())
        raw_guard.guard((copy for copy, _ in staged), raw_guard.STAGED)
    workspace, project = os.environ.get("COLABCTL_WORKSPACE"), os.environ.get("COLABCTL_ROOT")
    if workspace and project and os.path.isdir(workspace):
        from colabctl_startup import filesystem, imports, paths  # noqa: PLC0415 - see above

        both = paths.Paths(workspace, project, [path for _, path in staged])
        imports.check_script(both, sys.argv[0])
        filesystem.change_functions(both)
        imports.guard_imports(both)


try:
    _prepare()
except Exception as error:  # noqa: BLE001 - no program may fail to start because of this
    sys.stderr.write("colabctl could not prepare this Python: %s\n" % error)
_hand_over()
if getattr(sys.flags, "safe_path", False):  # otherwise Python does this itself
    _add_script_folder(sys.argv[0])
