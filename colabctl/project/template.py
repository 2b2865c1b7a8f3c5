"""Writes colabctl.yaml for a new project: every key with its explanation."""

import json
import re
from collections.abc import Mapping, Sequence

_TEMPLATE = """\
# The configuration of a colabctl project: the folder that contains this file is the project.
#
# To set a key that is commented out, remove its "#". It shows the default, or an example.
# Every key except `format` can also be set in the environment, as COLABCTL_<KEY>: for example
# COLABCTL_HEARTBEAT=30s, COLABCTL_READ_ONLY=data/raw,data/labels or COLABCTL_PATHS=raw=originals.
# The environment overrides this file, and an option of a command overrides both.

# The version of this file's format.
format: 1

# The project's name, by which notebooks find the project, and the owner of the folder.
name: {name}
{owner}

# The members. `colabctl member add NAME` adds more, and does not change this file.
members: {members}

# The member who works on this machine. It is better to run `colabctl me NAME`, or to use --member
# or COLABCTL_MEMBER, because everyone in the project reads this file.
#member: ana

# Folders that must not change: `colabctl protect` records their checksums, and `colabctl verify`
# checks them.
#read_only: [data/raw]

# A second place with a copy of the raw data, from which `colabctl restore` brings files back: a
# folder (from the project's, or an absolute path), a zip file, or a URL that fsspec knows.
# COLABCTL_RAW_COPY overrides it on a machine where the place has another path.
#raw_copy: /media/backup/raw

# Other places for the project's folders, inside the project. If you move data, then raw, interim
# and processed move with it.
{paths}

# The names of the secrets that programs need. Do not write their values here: they are read from
# Colab's secrets or from the environment, and are never written into this folder.
#secrets: [WANDB_API_KEY]

# Whether a machine sees at once what another one writes here: coherent (a local disk, NFS),
# eventual (a Drive mount, a synced folder), or created (the mirror of a store that refuses to
# create a file twice). With auto, colabctl decides by the mount and the store.
#consistency: auto

# How often a worker sends a heartbeat, and how long after its last one its tasks go to other
# workers. The lease must be at least two heartbeats. The defaults depend on the consistency.
#heartbeat: 30s
#lease: 10m

# How long a task may run before it counts as failed. The default is no limit.
#task_timeout: 2h

# How much time a task that must end has to save its work, between SIGTERM and SIGKILL.
#kill_after: 30s

# The room that should stay free in this folder, on a Drive that of the member's account. With less,
# `colabctl work` warns. With less than a tenth of it, workers stop and keep what they have; 0 for
# no limit.
#min_free: 1GB

# Where workers send a message when a sweep is finished, has its first task that failed for good
# (failing), or has tasks left and no worker (idle). url is the name of the secret with the address:
# of an ntfy topic, a Slack or Discord webhook, or a Telegram bot.
#notify: {{url: NOTIFY_URL, on: [finished, failing, idle]}}
"""


_USUAL = {key: key for key in ("data", "notebooks", "results", "checkpoints")}


def render(
    name: str, owner: str | None, members: Sequence[str], paths: Mapping[str, str] | None = None
) -> str:
    """Return the text of colabctl.yaml for a new project; `paths` are those that differ."""
    return _TEMPLATE.format(
        name=_quoted(name),
        owner='#owner: "ana"' if owner is None else f"owner: {_quoted(owner)}",
        members=f"[{', '.join(map(_quoted, members))}]",
        paths=paths_line(paths) if paths else f"#{paths_line(_USUAL)}",
    )


def paths_line(paths: Mapping[str, str]) -> str:
    """Return the line of colabctl.yaml that sets these paths."""
    return f"paths: {{{', '.join(f'{key}: {_plain(path)}' for key, path in paths.items())}}}"


def _plain(path: str) -> str:
    """Return a path without quotes if YAML needs none."""
    return path if re.fullmatch(r"[A-Za-z][\w/-]*", path, re.ASCII) else _quoted(path)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a JSON string of printable text is valid YAML
