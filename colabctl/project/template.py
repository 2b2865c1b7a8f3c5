"""Writes colabctl.yaml for a new project: every key, each with what it means."""

import json
from collections.abc import Sequence

_TEMPLATE = """\
# The configuration of a colabctl project. The folder that holds this file is the project.
#
# A line that starts with "#" and no space is a key with its default or an example: remove the "#"
# to set it. Every key except `format` can also be given in the environment, as COLABCTL_<KEY>
# (COLABCTL_HEARTBEAT=30s, COLABCTL_READ_ONLY=data/raw,data/labels, COLABCTL_PATHS=raw=originals).
# The environment overrides this file, and an option of a command overrides both.

# The version of this file's format. colabctl refuses a version newer than it knows.
format: 1

# The project's name and the owner of its folder. Notebooks find the project by its name.
name: {name}
{owner}

# The members. `colabctl member add NAME` adds more without changing this file.
members: {members}

# The member who works on this machine. Usually `colabctl me`, `--member` or COLABCTL_MEMBER says
# it, because everyone reads this file.
#member: ana

# Folders in which nothing may change: `colabctl protect` records their checksums, and
# `colabctl verify` compares.
#read_only: [data/raw]

# Other places for these folders. They stay inside the project; raw, interim and processed move with
# data.
#paths: {{data: data, notebooks: notebooks, results: results, checkpoints: checkpoints}}

# Names of secrets that programs need. Their values come from Colab's secrets or the environment and
# are never written into this folder: do not put them here.
#secrets: [WANDB_API_KEY]

# Whether every machine sees at once what another wrote into this folder: coherent (a local disk,
# NFS), eventual (a Drive mount, a synchronised folder), or auto: colabctl looks at the mount.
#consistency: auto

# How often a worker shows that it is alive, and after how long a silence its tasks go to others (at
# least two heartbeats). The defaults depend on the consistency.
#heartbeat: 30s
#lease: 10m

# How long one task may run before it counts as failed. There is no limit by default.
#task_timeout: 2h

# How long a task that should end has to save its state, between SIGTERM and SIGKILL.
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
