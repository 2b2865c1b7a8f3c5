"""What an engine needs to run the tasks of a sweep elsewhere."""

import os
from collections.abc import Callable
from pathlib import Path

from colabctl.code.frozen import Code
from colabctl.engines.contract import Load
from colabctl.errors import UserError
from colabctl.ledger import Plan
from colabctl.project.config import Config
from colabctl.run.startup.raw_guard import VARIABLE as GUARDED
from colabctl.work.data.staging import sources_of


def load_of(  # noqa: PLR0917 - what one engine needs
    plan: Plan,
    code: Code,
    config: Config,
    member: str,
    scratch: Path,
    kill_after: float,
    *,
    tell: Callable[[str], None],
    wait: Callable[[float], bool],
    stages: bool,
    bring: Callable[[str], None],
) -> Load:
    """Return the load; raise UserError for a loop, which claims its tasks itself.

    `stages` says whether the engine can stage data; without, a sweep with `stage:` is refused.
    `bring` carries data here that a store has.
    """
    if plan.kind == "loop":
        raise UserError(
            f"{plan.sweep}: {plan.program} loops over its tasks itself, so no engine can carry "
            "them; work on it without --on"
        )
    if plan.stage and not stages:
        paths = ", ".join(entry["path"] for entry in plan.stage.values())
        raise UserError(
            f"{plan.sweep} stages {paths}, and this engine stages nothing; declare the sweep again "
            "without stage:, and let the engine's workers see the project's folder"
        )
    root = config.root.absolute()
    return Load(
        plan=plan,
        code=code,
        root=root,
        scratch=scratch,
        environ={
            "COLABCTL_MEMBER": member,
            GUARDED: "\n".join(str(root / folder) for folder in config.read_only),
            **{name: os.environ[name] for name in config.all_secrets if name in os.environ},
        },
        secrets=config.all_secrets,
        sources=sources_of(plan, config.layout, tell=tell, wait=wait, bring=bring),
        kill_after=kill_after,
        tell=tell,
        wait=wait,
    )
