"""What was added to a sweep, and which version of its program a task ran."""

import shlex
from collections import Counter
from collections.abc import Callable, Iterator

from colabctl.durations import format_duration
from colabctl.ledger import ENDED, Plan, SweepState, versions

_MOST = 3  # extensions that are shown


def code_of(plan: Plan, state: SweepState, worker: str) -> str:
    """Return the digest of the version of the program that a worker ran."""
    writer = state.writers.get(worker)
    return (writer.code if writer else "") or next(versions(plan))


def version_of(plan: Plan, state: SweepState) -> Callable[[str], int | None]:
    """Return a function from a worker to the version of the program that it ran, from 1.

    It returns None for a sweep whose program has one version.
    """
    digests = list(versions(plan))
    if len(digests) == 1:
        return lambda _: None
    numbers = {digest: number for number, digest in enumerate(digests, 1)}

    def of(worker: str) -> int | None:
        return numbers.get(state.writers[worker].code or digests[0])

    return of


def sentences(plan: Plan, state: SweepState, now: float) -> Iterator[str]:
    """Yield a sentence for each of the latest extensions, and how many tasks each version ran."""
    return history(plan, state, lambda at: f" {format_duration(max(0.0, now - at))} ago")


def history(plan: Plan, state: SweepState, when: Callable[[float], str]) -> Iterator[str]:
    """Yield the same sentences; `when` returns the words for the time of an extension."""
    numbers = list(_versions_until(plan))
    for extension, number in list(zip(plan.extensions, numbers, strict=True))[-_MOST:]:
        count = extension.total
        what = [f"{count:,} new task{'s' * (count != 1)}"] if count else []
        what += [f"version {number} of the program"] if extension.version else []
        what += [f"{'another' if value else 'no'} {key}" for key, value in extension.limits.items()]
        if not what:
            values = sum(len(values) for _, values in extension.values)
            words = "a value that later trials can have", "values that later trials can have"
            is_new = values and not extension.dropped
            what = [words[values > 1] if is_new else "nothing that was not there"]
        who = state.called(extension.member)
        yield f"extended by {who}{when(extension.at)}: {', '.join(what)}"
    if (earlier := len(plan.extensions) - _MOST) > 0:
        yield f"and {earlier} earlier extension{'s' * (earlier != 1)}"
    if waits_beyond_end(plan, state):
        left = state.total - state.finished
        yield (
            f"{plan.sweep} {ENDED[state.ended or 'target']}, so {left:,} task{'s' * (left != 1)} "
            f"wait{'s' * (left == 1)}; to run {'them' if left != 1 else 'it'}: "
            f"colabctl resume {shlex.quote(plan.sweep)}"
        )
    version = version_of(plan, state)
    ran = Counter(
        version(event.writer)
        for index in (state.columns.finished() if numbers and numbers[-1] > 1 else ())
        if (event := state.tasks[index].event) is not None
    )
    if ran:
        counts = sorted(ran.items(), key=str)
        each = ", ".join(f"version {number} in {count:,}" for number, count in counts)
        yield f"finished tasks: {each}"


def waits_beyond_end(plan: Plan, state: SweepState) -> bool:
    """Whether tasks wait that the sweep got after its target, budget or patience had ended it."""
    if not plan.extensions or state.ended is None or state.finished == state.total:
        return False
    times, outcomes = state.log.times, state.columns.outcomes
    if state.ended == "target":
        ended = min(times[outcomes[index]] for index in state.ends.reached)
    else:
        ended = max((times[number] for number in state.columns.outcome_numbers()), default=0.0)
    return any(each.total and each.at > ended for each in plan.extensions)


def _versions_until(plan: Plan) -> Iterator[int]:
    number = 1
    for extension in plan.extensions:
        number += bool(extension.version)
        yield number
