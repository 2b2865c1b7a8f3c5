"""Whether a member has approved what a sweep runs."""

import json
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from colabctl.errors import UserError
from colabctl.ledger.extensions.record import latest_version
from colabctl.ledger.plan import Plan


def program_of(plan: Plan) -> str:
    """Return the sweep's program; raise UserError if there is none for a worker to run."""
    if plan.program is None:
        raise UserError(
            f"sweep {plan.sweep} has no `program:`; the notebook or script that declares it runs "
            f'its tasks: for task in project.sweep("{plan.sweep}", ...).tasks()'
        )
    return plan.program


def check_approved(
    plan: Plan,
    approved: Callable[[str], bool],
    before: Callable[[str], Mapping[str, Any] | None] = lambda _: None,
) -> None:
    """Raise UserError unless the member has approved what the sweep runs, by its digest.

    `before` returns the keys that the member approved last for a sweep (Plan.covered), or None.
    """
    added = latest_version(plan)
    plan = plan.approved
    if approved(plan.run_digest):
        return
    fix = f"look at it and approve it: colabctl trust {shlex.quote(plan.sweep)}"
    if added is not None:
        number, extension = added
        raise UserError(
            f"{extension.member} has added version {number} of the program of {plan.sweep}; {fix}"
        )
    old, now = before(plan.sweep), plan.covered
    since = ""
    if old is not None:
        changed = ", ".join(changed_keys(old, now))
        since = f"; since you approved it, its plan.json has changed: {changed}"
    raise UserError(
        f"sweep {plan.sweep} runs code that you have neither declared nor approved "
        f"(declared by {plan.declared_by}, digest {plan.run_digest[:12]}{since}); {fix}"
    )


def changed_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the names of the keys whose JSON values differ, sorted."""
    texts = [
        {key: json.dumps(value, sort_keys=True) for key, value in keys.items()}
        for keys in (old, new)
    ]
    names = texts[0].keys() | texts[1].keys()
    return sorted(name for name in names if texts[0].get(name) != texts[1].get(name))
