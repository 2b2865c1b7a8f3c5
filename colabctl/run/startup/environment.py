"""Sets variables so that the project's folder, where others write, configures no program.

A workspace does not show the files that configure programs, see settings_files.py. These variables
help where a program leaves its workspace, or has none, as on Windows.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

_GIT = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "protocol.ext.allow": "never",
    # A folder with HEAD, refs and config would be a repository, even without .git.
    "safe.bareRepository": "explicit",
}
"""Settings of Git that win over those in the .git/config of a project; see git-config(1)."""

_FILES = (
    *("BASH_ENV", "ENV", "ZDOTDIR", "PYTHONSTARTUP", "PYTHONHOME", "PYTHONUSERBASE"),
    *("PYTHONPYCACHEPREFIX", "MATPLOTLIBRC", "IPYTHONDIR", "PIP_CONFIG_FILE", "PIP_CONSTRAINT"),
    *("JUPYTER_CONFIG_DIR", "JUPYTER_CONFIG_PATH", "JUPYTER_PATH", "JUPYTER_DATA_DIR"),
    *("R_PROFILE", "R_ENVIRON", "R_HOME", "JULIA_PROJECT", "JULIA_DEPOT_PATH", "JULIA_BINDIR"),
    *("NPM_CONFIG_USERCONFIG", "npm_config_userconfig", "NPM_CONFIG_GLOBALCONFIG"),
    *("UV_CONFIG_FILE", "UV_ENV_FILE", "CONDARC", "MAMBARC", "WANDB_CONFIG_DIR", "XDG_CONFIG_HOME"),
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_CONFIG", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"),
    *("GIT_EXEC_PATH", "GIT_TEMPLATE_DIR", "NUMBA_CONFIG_FILE", "LD_PRELOAD", "LD_AUDIT"),
)
"""Variables with a file or folder that configures programs."""

_LISTS = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PERL5LIB", "RUBYLIB", "NODE_PATH",
          "R_LIBS", "R_LIBS_USER", "R_LIBS_SITE")  # fmt: skip
"""Variables with a list of folders to load from, where an empty entry is the current folder."""


def clean(before: Mapping[str, str], root: Path) -> dict[str, str]:
    """Return an environment in which no program is configured by the folder `root`.

    Variables that lead there are left out, and so are relative entries of lists of folders.
    """
    environ = {**before}
    for name in _FILES:
        if name in environ and _leads_to(root, environ[name]):
            del environ[name]
    for name in _LISTS:
        if name in environ:
            entries = environ[name].split(os.pathsep)
            environ[name] = os.pathsep.join(filter(os.path.isabs, entries))
    environ |= {"R_PROFILE_USER": "", "R_ENVIRON_USER": "", "WANDB_DISABLE_GIT": "true"}
    roots = (str(root), os.path.realpath(root), environ.get("GIT_CEILING_DIRECTORIES", ""))
    environ["GIT_CEILING_DIRECTORIES"] = os.pathsep.join(dict.fromkeys(filter(None, roots)))
    return {**environ, **dict(_git_settings(environ))}


def _leads_to(root: Path, value: str) -> bool:
    """Whether a list of paths has one in the project, or one that depends on the current folder."""
    real = os.path.realpath(root)
    paths = [os.path.expanduser(path) for path in value.split(os.pathsep) if path]
    return any(
        not os.path.isabs(path) or Path(os.path.realpath(path)).is_relative_to(real)
        for path in paths
    )


def _git_settings(before: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the variables that add to Git's settings; the last one of a name wins."""
    text = before.get("GIT_CONFIG_COUNT", "")
    count = int(text) if text.isdecimal() else 0
    for number, (name, value) in enumerate(_GIT.items(), count):
        yield f"GIT_CONFIG_KEY_{number}", name
        yield f"GIT_CONFIG_VALUE_{number}", value
    yield "GIT_CONFIG_COUNT", str(count + len(_GIT))
