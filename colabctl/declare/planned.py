"""The plan of a draft: how the tasks of a sweep will run."""

import hashlib
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from colabctl import budget, needs, notify, repeat
from colabctl.declare.preview import Draft, Preview
from colabctl.errors import UserError
from colabctl.ledger import Plan
from colabctl.project.config import HEARTBEATS, Config
from colabctl.project.layout import Layout
from colabctl.search import Cell, Declaration
from colabctl.search.language.stopping.stopping_rules import Median
from colabctl.sharedfs.mounts import guard_for
from colabctl.sharedfs.names import safe_name
from colabctl.stage.sources import find_source
from colabctl.sweeps import find_sweep, plan_of
from colabctl.version import VERSION

# In seconds. A Drive mount takes few writes and shows them late.
_HEARTBEAT_AND_LEASE = {
    "coherent": (10.0, 60.0), "created": (15.0, 90.0), "eventual": (60.0, 600.0),
}  # fmt: skip


def planned(
    draft: Draft,
    program: Preview,
    layout: Layout,
    config: Config,
    *,
    name: str,
    member: str,
    now: float,
) -> Plan:
    """Return the plan of a draft whose code is frozen; `now` is in seconds since 1970."""
    declaration, expansion = draft.declaration, draft.expansion
    kind, result = program.kind, program.frozen
    guard = guard_for(layout.root, config.consistency, stored=config.stored)
    heartbeat, lease = _HEARTBEAT_AND_LEASE[guard.consistency]
    if config.heartbeat is not None:
        heartbeat = config.heartbeat
        lease = max(lease, HEARTBEATS * heartbeat)
    if config.lease is not None:
        lease = config.lease
        heartbeat = min(heartbeat, lease / HEARTBEATS)
    metric = declaration.metric
    runs_loop = kind == "loop" and result.program is not None
    return Plan(
        sweep=name,
        total=expansion.total,
        kind=kind,
        method=declaration.method,
        consistency=guard.consistency,
        heartbeat=heartbeat,
        lease=lease,
        declared_by=member,
        declared_at=now,
        title=_title(declaration),
        program=result.program,
        command=result.command,
        cwd=result.cwd,
        import_path=result.import_path,
        code_digest=result.code.digest,
        code_files=tuple(sorted(result.code.files)),
        code_origin="." if result.code.origin == layout.root.resolve() else None,
        metric=metric.name if metric else None,
        goal=metric.goal if metric else "minimize",
        metrics=tuple({"name": each.name, "goal": each.goal} for each in declaration.metrics),
        max_retries=declaration.max_retries,
        task_timeout=declaration.task_timeout,
        claims=declaration.claims,
        target=metric.target if metric else None,
        budget=budget.encode(declaration.budget),
        patience=budget.encode(declaration.patience),
        sampler=declaration.sampler if declaration.method in ("bayes", "optuna") else None,
        seed=declaration.seed,
        scheduler=_scheduler(declaration, program),
        learn_from=earlier(draft, layout) or None,
        early_terminate=_early_terminate(declaration),
        notify=notify.encode(declaration.notify),
        stage=_stage(declaration, layout),
        repeat=repeat.encode(declaration.repeat),
        needs=needs.encode(declaration.needs),
        parameters=expansion.parameters,
        process_tasks=declaration.process_tasks,
        kernels=declaration.kernels if kind == "notebook" or runs_loop else None,
        keep_wandb=declaration.keep_wandb,
        made_with=VERSION,
        declaration_digest=hashlib.sha256(draft.content).hexdigest(),
        cells=tuple(map(_cell, expansion.cells)),
    )


def earlier(draft: Draft, layout: Layout) -> dict[str, str]:
    """Return the run digests of the sweeps in `learn_from`, by name.

    Raises UserError for a sweep that does not exist, or from which nothing can be learned.
    """
    declaration, digests = draft.declaration, {}
    for name in declaration.learn_from:
        try:
            old = plan_of(find_sweep(layout, name))
        except UserError as error:
            raise UserError(f"{declaration.source}: learn_from: {error}") from None
        if problem := _unlike(draft, old):
            raise UserError(
                f"{declaration.source}: learn_from: {name} {problem}; remove {name} from learn_from"
            )
        digests[old.sweep] = old.run_digest
    return digests


def _unlike(draft: Draft, old: Plan) -> str | None:
    """Return why a sweep can learn nothing from an `old` one; None if it can."""
    declaration, always = draft.declaration, draft.expansion.parameters
    repeated = draft.expansion.repeat.params(0)
    wanted = [name for name, has in always.items() if has and name not in repeated]
    there = (old.parameters or {}).keys() - old.repeats.params(0).keys()
    lacking = [name for name in wanted if name not in there]
    if lacking and old.method != "optuna":
        is_repeat = lacking[0] in old.repeats.params(0)
        why = (
            f"repeats its configurations over {lacking[0]}, which is a parameter here"
            if (is_repeat)
            else f"has no parameter {lacking[0]}"
        )
        return f"{why}, so none of its tasks is a point of this sweep"
    names = [each.name for each in declaration.metrics or (declaration.metric,) if each]
    others = [name for name in names if old.goals and name not in old.goals]
    if others:
        has = " and ".join(old.goals)
        return f"has the metric{'s' * (len(old.goals) > 1)} {has}, not {others[0]}"
    return None


def _cell(cell: Cell) -> Mapping[str, Any]:
    """Return a search as the plan has it; only one that begins with given points says so."""
    starts = {"starts": len(cell.starts)} if cell.starts else {}
    return {"values": cell.values, "tasks": cell.tasks, **starts}


def _stage(declaration: Declaration, layout: Layout) -> Mapping[str, Any] | None:
    """Return what workers stage, with the digest of what the manifest says of it, or ""."""
    sources = {name: find_source(layout, Path(path)) for name, path in declaration.stage.items()}
    staged = {
        name: {"path": source.name, "digest": source.digest if source.manifest else ""}
        for name, source in sources.items()
    }
    return staged or None


def stage_notes(plan: Plan) -> tuple[str, ...]:
    """Return a note on each path to stage whose content no manifest records."""
    return tuple(
        f"stage: no manifest records {entry['path']}, so each worker takes it as it finds it; to "
        "give all of them the same, run colabctl protect on its folder before you declare the sweep"
        for entry in (plan.stage or {}).values()
        if not entry["digest"]
    )


def _title(declaration: Declaration) -> str | None:
    """Return the `name:` of a file on one line if no folder can have it, else None."""
    name = declaration.name
    title = " ".join(name.split()) if name is not None else None
    return title if title and safe_name(title) != unicodedata.normalize("NFC", title) else None


def _scheduler(declaration: Declaration, program: Preview) -> Mapping[str, Any] | None:
    """Return the functions that choose parameters, and what they get to know of the sweep."""
    scheduler = declaration.scheduler
    if scheduler is None:
        return None
    config = {key: declaration.content.get(key) for key in ("metric", "parameters", "scheduler")}
    return {
        "source": program.source,
        "optimizer": scheduler.optimizer,
        "search_space": scheduler.search_space,
        "parameters": scheduler.parameters,
        "config": {"method": "custom", **config},
    }


def _early_terminate(declaration: Declaration) -> Mapping[str, Any] | None:
    """Return the rule for early stopping; the default for Optuna is that of Optuna itself."""
    rule = declaration.early_terminate
    is_study = declaration.method == "optuna" and declaration.scheduler is None
    if rule is None and is_study and not declaration.metrics:
        rule = Median()
    return rule.to_json() if rule else None
