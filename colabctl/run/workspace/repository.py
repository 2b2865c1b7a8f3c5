"""Lets Git find the project's repository from a workspace, without its configuration and hooks.

Both can name commands that Git runs, even for `git status`, and others write to them.
"""

import shutil
from contextlib import suppress
from pathlib import Path

from colabctl.run.startup.paths import link

_CONFIG = "[core]\n\trepositoryformatversion = 0\n\tbare = false\n"
_COPIED = ("HEAD", "packed-refs", "index", "shallow")
_LINKED = ("objects", "refs")


def imitate_repository(there: Path, here: Path) -> None:
    """Create a repository in the folder `here` with the history of the one in `there`, if any.

    The `.git` of a worktree or submodule is a file that leads to another folder; it is left out.
    """
    source, target = there / ".git", here / ".git"
    if source.is_symlink() or not (source / "HEAD").is_file():
        return
    with suppress(OSError):  # a task that does not use Git needs none of this
        target.mkdir()
        (target / "config").write_text(_CONFIG, encoding="ascii")
        for name in _LINKED:
            link(str(source / name), str(target / name))
        for name in _COPIED:
            if (source / name).is_file():
                shutil.copyfile(source / name, target / name)
