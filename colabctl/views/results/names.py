"""The names of the values that results have, which of them vary, and a column for each."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from colabctl.errors import UserError, nearest
from colabctl.ledger import Plan, TaskFiles
from colabctl.views.columns import flat, titles
from colabctl.views.results.rows import FIXED, Result
from colabctl.views.varying import Variation

_KINDS = {"params": "a parameter", "metrics": "a metric", "attributes": "an attribute"}
_SAMPLE = 1000  # tasks
_MOST_LISTED = 20  # names in a message
_LONGEST = 60  # characters of a name there


@dataclass(frozen=True)
class Column:
    """A column of results: its title, and the value that it shows.

    Attributes:
        title: the name, or such as `params.x` where another column has that name.
        kind: params, metrics, attributes, or inputs for both of a name that a scheduler's function
            suggests for some tasks and returns for others; "" for one that every result has.
        name: the name of the value there; dots lead into nested maps.

    """

    title: str
    kind: str
    name: str

    def of(self, row: Result) -> Any:
        """Return the value of a result; None if it has none."""
        return _value(getattr(row, self.kind), self.name) if self.kind else getattr(row, self.name)


class Names:
    """The names in the results of a sweep.

    A sample of the tasks, finished or not, also decides which parameters vary: so one learning rate
    in the first two results does not hide it.

    Args:
        plan: the plan of the sweep.
        tasks: its task files.
        results: all its results. Some are read now, the others if a name is not found in these.

    """

    def __init__(self, plan: Plan, tasks: TaskFiles, results: Collection[Result]) -> None:
        self._results = results
        self._metrics = tuple(plan.goals)
        self._is_scheduled = plan.scheduler is not None
        self._has_read_all = False
        self._names = {kind: Variation() for kind in _KINDS}
        self._members: set[str] = set()
        self._versions: set[int | None] = set()
        self._cells = Variation()
        for cell in plan.cells:
            self._cells.add(flat(cell["values"]))
        for index in range(min(_SAMPLE, plan.total)):
            if params := tasks.params(index):
                self._names["params"].add(flat(params))
        for row in islice(results, _SAMPLE):
            self.add(row)
        self._expected = {"params": [*(plan.parameters or ())], "metrics": [*plan.goals]}

    def add(self, row: Result) -> None:
        """Add the names of a result."""
        for kind, variation in self._names.items():
            if values := getattr(row, kind):
                variation.add(flat(values))
        self._members.add(row.member)
        self._versions.add(row.version)

    def columns(self) -> list[Column]:
        """Return all columns: those that every result has, then one for each name."""
        names = {kind: list(variation.names) for kind, variation in self._names.items()}
        pairs = [(kind, name) for kind, group in names.items() for name in group]
        return [Column(name, "", name) for name in FIXED] + [
            Column(title, kind, name)
            for title, (kind, name) in zip(titles(FIXED, names), pairs, strict=True)
        ]

    def varying(self, always: Collection[str] = ("task", "seconds")) -> list[Column]:
        """Return the columns that a person looks at: what varies, and the sweep's metric.

        `always` are those to include of the columns that every result has.
        """
        shown = {("", name) for name in always} | {("metrics", name) for name in self._metrics}
        shown |= {("", "member")} if len(self._members) > 1 else set()
        shown |= {("", "version")} if len(self._versions) > 1 else set()
        shown |= {("params", name) for name in self._cells.varying()}
        for kind, variation in self._names.items():
            varies = variation.varying(absence=kind == "params")
            shown |= {(kind, name) for name in (varies if variation.count > 1 else variation.names)}
        return [column for column in self.columns() if (column.kind, column.name) in shown]

    def constants(self) -> dict[str, Any]:
        """Return the values, by title, that do not vary."""
        varying = self.varying()
        return {
            column.title: self._names[column.kind].names[column.name]
            for column in self.columns()
            if column.kind and column not in varying
        }

    def find(self, name: str) -> Column | None:
        """Return the column of a name; None if no result has it.

        Raises UserError if it is the name of several values, such as a parameter and a metric. With
        a scheduler, a parameter wins over an attribute, which counts where there is none.
        """
        column = self._find(name)
        if column is None and not self._has_read_all:
            self._has_read_all = True
            for row in islice(self._results, _SAMPLE, None):
                self.add(row)
            column = self._find(name)
        return column

    def get(self, name: str, option: str) -> Column:
        """Return the column of a name that was given to an option; raise UserError if none has it.

        Without any result, that is not known, and the column is empty.
        """
        column = self.find(name)
        if column is None and self._results:
            names = self.spellings()
            near = nearest(name, names)
            more = ["..."] if len(names) > _MOST_LISTED else []
            listed = ", ".join([*map(_shown, filter(None, names[:_MOST_LISTED])), *more])
            hint = f"did you mean {_shown(near)}?" if near else f"the columns are {listed}"
            raise UserError(f"{option}: no result has {_shown(name)}; {hint}")
        return column or Column(name, "params", name)

    def spellings(self) -> list[str]:
        """Return all names that `find` takes, the shortest ones first."""
        columns = self.columns()
        expected = [name for names in self._expected.values() for name in names]
        full = [f"{column.kind}.{column.name}" for column in columns if column.kind]
        columns.sort(key=lambda column: not column.kind)  # people look for their own names first
        plain = [column.name for column in columns]
        return list(dict.fromkeys([*plain, *expected, *(c.title for c in columns), *full]))

    def _find(self, name: str) -> Column | None:
        columns = self.columns()
        by_title = {column.title: column for column in columns}
        by_title |= {f"{column.kind}.{column.name}": column for column in columns if column.kind}
        if name in by_title:
            return by_title[name]
        same = [column for column in columns if column.name == name]
        if self._is_scheduled and {column.kind for column in same} == {"params", "attributes"}:
            return Column(name, "inputs", name)
        if len(same) > 1:
            kinds = " and ".join(_KINDS[column.kind] for column in same)
            choices = " or ".join(f"{column.kind}.{name}" for column in same)
            raise UserError(f"{name:.{_LONGEST}} is {kinds}; write {choices}")
        if same:
            return same[0]
        expected = (kind for kind, names in self._expected.items() if name in names)
        return next((Column(name, kind, name) for kind in expected), None)


def _shown(name: str) -> str:
    """Return a name for a message, on one line."""
    return "".join(char if char.isprintable() else " " for char in name[:_LONGEST])


def _value(values: Mapping[str, Any], name: str) -> Any:
    """Return a value by its name; None without one."""
    if name in values:
        return values[name]
    place = name.find(".")
    while place >= 0:
        inner = values.get(name[:place])
        if isinstance(inner, dict) and (value := _value(inner, name[place + 1 :])) is not None:
            return value
        place = name.find(".", place + 1)
    return None
