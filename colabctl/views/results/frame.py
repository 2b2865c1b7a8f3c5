"""Results as a pandas data frame."""

from typing import TYPE_CHECKING, Any

from colabctl.errors import UserError
from colabctl.views.results.table import Table
from colabctl.views.results.typed import Kind, as_kind, kinds_of

if TYPE_CHECKING:
    import pandas as pd

_COMPLETE: dict[Kind, str] = {"bool": "bool", "int": "int64", "float": "float64"}
_NULLABLE: dict[Kind, str] = {"bool": "boolean", "int": "Int64", "float": "float64"}


def frame(table: Table) -> "pd.DataFrame":
    """Return a table as a data frame; raise UserError if pandas is not installed.

    Whole numbers stay whole and true stays true where some values are missing (Int64, boolean).
    `finished_at` is a time in UTC.
    """
    try:
        import pandas as pd  # noqa: PLC0415 - an extra
    except ImportError:
        raise UserError(
            "a data frame needs pandas: pip install pandas; without it, use sweep.results()"
        ) from None
    lines = list(table.lines)
    kinds = kinds_of(lines, len(table.titles))
    columns: dict[str, Any] = {}
    for place, (title, kind) in enumerate(zip(table.titles, kinds, strict=True)):
        values = [as_kind(kind, line[place]) for line in lines]
        if title == "finished_at":
            columns[title] = pd.to_datetime(
                pd.Series(values, dtype=object), utc=True, format="ISO8601"
            )
            continue
        types = _NULLABLE if None in values else _COMPLETE
        columns[title] = pd.Series(values, dtype=types.get(kind))
    return pd.DataFrame(columns, columns=list(table.titles))
