"""Says what tasks need of a machine, and what each task that runs at a time has there."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from colabctl.conditions.meaning import ABSENT, Answer, answer_of
from colabctl.conditions.parser import parse
from colabctl.conditions.tree import Name, comparisons, operands
from colabctl.errors import UserError
from colabctl.sizes import format_size

MOST_RULES = 100
MOST_GPUS = 64
"""As many as a worker reports."""
MOST_BYTES = 1 << 53
"""Larger whole numbers are no floats."""

_MOST_NAMED = 3
_UNLIMITED = 1 << 60


@dataclass(frozen=True)
class Capacity:
    """What a task has; None is what is not known, and counts as enough.

    Attributes:
        gpus: how many GPUs.
        gpu_memory: bytes of the smallest of them; a part, if tasks share it.
        memory: bytes of the machine's memory; a part, if several tasks run at a time.

    """

    gpus: int = 0
    gpu_memory: int | None = None
    memory: int | None = None

    def of(self, need: "Need", gpu: str = "GPU") -> str:
        """Return in words what there is of what is needed; `gpu` is the name of a GPU."""
        parts = []
        if need.gpu:
            size = f" with {_size(self.gpu_memory)}" if self.gpu_memory else ""
            each = " each" if size and self.gpus > 1 else ""
            parts.append(f"{_gpus(self.gpus, gpu)}{size}{each}" if self.gpus else "no GPU")
        if need.memory and self.memory:
            parts.append(f"{_size(self.memory)} of memory")
        return " and ".join(parts)


ANYTHING = Capacity(gpus=_UNLIMITED)
"""Of a worker about which nothing is known."""


@dataclass(frozen=True)
class Need:
    """What a task needs: GPUs, bytes of memory on each, and bytes of the machine's memory."""

    gpu: int = 0
    gpu_memory: int = 0
    memory: int = 0

    def __bool__(self) -> bool:
        return self != NOTHING

    def __or__(self, other: "Need") -> "Need":
        """Return the most of both."""
        return Need(
            max(self.gpu, other.gpu),
            max(self.gpu_memory, other.gpu_memory),
            max(self.memory, other.memory),
        )

    def lacking(self, has: Capacity) -> "Need":
        """Return the part of this need that is not met."""
        lacks_memory = has.gpu_memory is not None and has.gpu_memory < self.gpu_memory
        lacks_gpu = has.gpus < self.gpu or lacks_memory
        lacks = has.memory is not None and has.memory < self.memory
        return Need(
            self.gpu if lacks_gpu else 0,
            self.gpu_memory if lacks_gpu else 0,
            self.memory if lacks else 0,
        )

    def fits(self, has: Capacity) -> bool:
        """Whether what a task has is enough."""
        return not self.lacking(has)

    def __str__(self) -> str:
        parts = []
        if self.gpu:
            of = " each" if self.gpu > 1 else ""
            memory = f" with {_size(self.gpu_memory)}{of}" if self.gpu_memory else ""
            parts.append(f"{_gpus(self.gpu)}{memory}")
        if self.memory:
            parts.append(f"{_size(self.memory)} of memory")
        return " and ".join(parts) or "nothing"


NOTHING = Need()


@dataclass(frozen=True)
class Rule:
    """What the tasks need for which a condition holds; all tasks without one."""

    need: Need
    where: str | None = None

    @cached_property
    def names(self) -> frozenset[str]:
        """The parameters that the condition names."""
        if self.where is None:
            return frozenset()
        values = (each for part in comparisons(parse(self.where)) for each in operands(part))
        return frozenset(each.name for each in values if isinstance(each, Name))

    @cached_property
    def _answer(self) -> Answer:
        assert self.where is not None
        return answer_of(parse(self.where), value_of, unknown=False)

    def applies(self, values: Mapping[str, Any]) -> bool:
        """Whether a task with these parameters needs this.

        A comparison with a parameter that the task does not have is false.
        """
        return self.where is None or bool(self._answer(values))


def value_of(values: Mapping[str, Any], name: str) -> Any:
    """Return the value of a parameter, ABSENT without one; dots join the names of nested maps."""
    if name in values:
        return values[name]
    head, dot, rest = name.partition(".")
    inner = values.get(head)
    return value_of(inner, rest) if dot and isinstance(inner, Mapping) else ABSENT


def most(needs: Iterable[Need]) -> Need:
    """Return the most of several needs."""
    result = NOTHING
    for need in needs:
        result |= need
    return result


def share_of(gpus: int, jobs: int, need: int) -> int:
    """Return how many GPUs each of several tasks at a time gets; they may have to share one.

    One task alone sees all of them. Several get one each, or an even part of all if any task of
    the sweep has a `need` of more than one.
    """
    if jobs == 1 or not gpus:
        return gpus
    return max(1, gpus // jobs) if need > 1 else 1


def capacity(memories: Sequence[int | None], memory: int | None, jobs: int, need: int) -> Capacity:
    """Return what each of `jobs` tasks at a time has on a machine.

    Args:
        memories: bytes of each GPU, None if that is not known.
        memory: bytes of the machine's memory.
        jobs: how many tasks run at a time.
        need: the most GPUs that any task of the sweep needs.

    """
    sizes = [each for each in memories if each is not None]
    sharing = -(-jobs // len(memories)) if memories else 1
    return Capacity(
        share_of(len(memories), jobs, need),
        min(sizes) // sharing if sizes else None,
        None if memory is None else memory // jobs,
    )


def encode(rules: Sequence[Rule]) -> tuple[dict[str, Any], ...]:
    """Return rules as plan.json has them."""
    return tuple(
        {
            **{key: value for key, value in asdict(rule.need).items() if value},
            **({"where": rule.where} if rule.where is not None else {}),
        }
        for rule in rules
    )


def decode(values: Sequence[Any]) -> tuple[Rule, ...]:
    """Return the rules that plan.json has; raise ValueError if they are damaged."""
    if len(values) > MOST_RULES:
        raise ValueError(f"needs has {len(values)} rules")
    return tuple(map(_rule, values))


_LIMITS = {"gpu": MOST_GPUS, "gpu_memory": MOST_BYTES, "memory": MOST_BYTES}


def _rule(value: Any) -> Rule:
    if type(value) is not dict:
        raise ValueError(f"needs has {value!r:.60}")
    where = value.get("where")
    numbers = {key: value[key] for key in _LIMITS if key in value}
    is_sound = all(
        type(number) is int and 0 < number <= _LIMITS[key] for key, number in numbers.items()
    )
    if not (numbers and is_sound and (where is None or type(where) is str)):
        raise ValueError(f"needs has {value!r:.60}")
    rule = Rule(Need(**numbers), where)
    try:
        _ = rule.names
    except UserError:
        raise ValueError(f"needs has {where!r:.60}") from None
    return rule


def _gpus(number: int, name: str = "GPU") -> str:
    if number == 1:
        return f"a {name}"
    return f"{number} {name if name != 'GPU' else 'GPUs'}"


def _size(size: int) -> str:
    return format_size(size).replace(".0 ", " ")


# The accelerators of Colab, with the MiB of memory that their driver reports; an A100 has 40 or 80
# GB there. Colab's pages name no number for the memory of its machines; these are usual ones.
_COLAB_GPUS = (("T4", 15360), ("L4", 23034), ("A100", 40960), ("A100 (80 GB)", 81920),
               ("H100", 81559), ("G4", 97887))  # fmt: skip
_COLAB_MEMORY, _COLAB_HIGH = 13_600_000_000, 54_700_000_000
_MIB = 1 << 20


USUAL = Capacity(memory=_COLAB_MEMORY)
"""What any machine for such work has."""


def advice(need: Need) -> str:
    """Return where tasks that lack this can run."""
    names = [name for name, mib in _COLAB_GPUS if mib * _MIB >= need.gpu_memory]
    if "A100" in names:
        names.remove("A100 (80 GB)")
    if need.gpu > 1 or (need.gpu and not names) or need.memory > _COLAB_HIGH:
        return f"start a worker on a machine with {need}"
    choices = [f"{', '.join(names[:-1])} or {names[-1]}".removeprefix(" or ")] if need.gpu else []
    if need.memory > _COLAB_MEMORY:
        choices.append("High-RAM")
    if not choices:
        return f"start a worker on a machine with {need}, such as one of Colab"
    return f"in Colab, choose {' and '.join(choices)} (Runtime > Change runtime type)"


def needed(counts: Mapping[Need, int]) -> str:
    """Return in words what tasks need, by their number: "the 12 tasks left need a GPU"."""
    if len(counts) == 1:
        ((need, count),) = counts.items()
        return (
            f"the task left needs {need}" if count == 1 else f"the {count:,} tasks left need {need}"
        )
    by_count = sorted(counts.items(), key=lambda each: -each[1])
    some = [f"{count:,} need{'s' * (count == 1)} {need}" for need, count in by_count[:_MOST_NAMED]]
    more = sum(count for _, count in by_count[_MOST_NAMED:])
    return f"of the tasks left, {', '.join([*some, *([f'{more:,} need more'] if more else [])])}"
