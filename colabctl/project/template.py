"""Writes colabctl.yaml for a new project: every key, each with what it means."""

import json
from collections.abc import Sequence

_TEMPLATE = """\
# The configuration of a colabctl project; the folder that holds this file is the project.
#
# Lines that begin with "#" and no space are keys with the value that holds without them, or an
# example of one: take the "#" away to set them. Every key but `format` can also be given in the
# environment as COLABCTL_<KEY> (COLABCTL_HEARTBEAT=30s, COLABCTL_READ_ONLY=data/raw,data/labels,
# COLABCTL_PATHS=raw=originals); that wins over this file, and an option of a command over both.

# The version of this file's format. A newer one than colabctl knows is refused.
format: 1

# What the project is called, and whose folder it is. Notebooks find the project by its name.
name: {name}
{owner}

# Who works in it. `colabctl member add NAME` adds more and leaves this file alone.
members: {members}

# Which of them works on this machine. Said by `--member` or COLABCTL_MEMBER as a rule, because
# everybody reads this file.
#member: ana

# Folders in which nothing may change: `colabctl protect` records their checksums, and
# `colabctl verify` compares.
#read_only: [data/raw]

# Where folders lie, if not here. They stay inside the project; raw, interim and processed move
# with data.
#paths: {{data: data, notebooks: notebooks, results: results, checkpoints: checkpoints}}

# Secrets that programs need, by name. Their values are read from Colab's secrets or from the
# environment and are never written into this folder: do not put them here.
#secrets: [WANDB_API_KEY]

# Whether every machine sees at once what another wrote into this folder: coherent (a local disk,
# NFS), eventual (a Drive mount, a synchronised folder), or auto: colabctl looks at the mount.
#consistency: auto

# How often a worker gives a sign of life, and after how long a silence its tasks go to others; at
# least two heartbeats. Without these, colabctl takes what suits the consistency.
#heartbeat: 30s
#lease: 10m

# How long one task may run before it counts as failed; without this, as long as it likes.
#task_timeout: 2h

# How long a task that should end has to save what it has, between SIGTERM and SIGKILL.
#kill_after: 30s
"""


def render(name: str, owner: str | None, members: Sequence[str]) -> str:
    """Return the text of colabctl.yaml for a new project."""
    return _TEMPLATE.format(
        name=_quoted(name),
        owner='#owner: "ana"' if owner is None else f"owner: {_quoted(owner)}",
        members=f"[{', '.join(map(_quoted, members))}]",
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a JSON string of printable text is one in YAML
