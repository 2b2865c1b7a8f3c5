"""The text of a message about a sweep: short, for a telephone."""

from colabctl.ledger import ENDED, Plan, SweepState, TaskFiles, params_of, task_name
from colabctl.notify import Occasion
from colabctl.views.best import best, best_configuration
from colabctl.views.columns import flat
from colabctl.views.repeats import in_words

_LONGEST = 300  # characters of an error
_MOST_PARAMS = 8


def notice(occasion: Occasion, plan: Plan, state: SweepState, tasks: TaskFiles) -> str:
    """Return what happened, how far the sweep is, and what to do next."""
    name, counts = plan.title or plan.sweep, state.counts
    pruned = f", {counts['pruned']} pruned" if counts["pruned"] else ""
    cancelled = f", {counts['cancelled']} cancelled" if counts["cancelled"] else ""
    ended = f"{counts['done']} done{pruned}, {counts['failed']} failed{cancelled}"
    left = state.total - state.finished
    match occasion:
        case "finished":
            reached = (
                f", and {left} not needed: it {ENDED[state.ended]}" if left and state.ended else ""
            )
            return f"{name} is finished: {ended}{reached}.{_best(plan, state, tasks)}"
        case "failing":
            return (
                f"{name}: {_failure(state)}. So far {ended} of {state.total}. "
                f"See why: colabctl failures {plan.sweep}"
            )
        case "idle":
            are = "is" if left == 1 else "are"
            return (
                f"{name} has no workers any more, and {left} of {state.total} tasks {are} left "
                f"({ended}). Start one: colabctl work {plan.sweep}"
            )


def _best(plan: Plan, state: SweepState, tasks: TaskFiles) -> str:
    first = best(plan, state)
    if first is None:
        return ""
    index, value = first
    params = flat(plan.repeats.configuration(params_of(state, tasks, index)))
    own = best_configuration(plan, state)
    repeats = in_words(plan.repeats.aggregate, own.sd, len(own.tasks)) if own else ""
    shown = ", ".join(
        f"{name}={value!s:.60}" for name, value in list(params.items())[:_MOST_PARAMS]
    )
    return f" Best {plan.metric} {value:.6g}{repeats} in {task_name(index)} ({shown})."


def _failure(state: SweepState) -> str:
    failed = state.columns.having("failed")
    index = next(iter(failed), None)
    if index is None:
        return "a worker gave up, as its first tasks all failed"
    error = state.tasks[index].outcome.error
    return f"{task_name(index)} failed for good: {error[:_LONGEST]}"
