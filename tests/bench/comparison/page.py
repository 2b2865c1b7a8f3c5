"""Markdown tables, and the page of the guide that holds them between marks."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.bench.comparison.figures import Measured

END = "<!-- end -->"


def start(section: str) -> str:
    """Return the mark above the table of a section."""
    return f"<!-- python -m tests.bench --only {section} -->"


def markdown(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; headings that end with a colon are those of numbers."""
    rules = ["--:" if heading.endswith(":") else "---" for heading in headings]
    lines = [[heading.rstrip(":") for heading in headings], rules, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def speed(results: Iterable[Measured]) -> str:
    """Return the table of the figures."""
    headings = ("what is done", "colabctl:", "peers", "times as fast:", "target:", "")
    return markdown(headings, map(_row, results))


def regrets(rows: Iterable[Sequence[str]], seeds: str) -> str:
    """Return the table of the search; the rows are those of tests.bench.regret."""
    from tests.bench.regret import HEADINGS, TRIALS  # noqa: PLC0415 - needs Optuna

    headings = (HEADINGS[0], *(f"{heading}:" for heading in HEADINGS[1:-1]), HEADINGS[-1])
    note = f"Median of {seeds} of the best of {TRIALS} trials less the known minimum; smaller is better."
    return f"{markdown(headings, rows)}\n\n{note}"


def _row(result: Measured) -> tuple[str, ...]:
    others = (
        f"{peer} {_time(result.seconds[peer])}"
        if peer in result.seconds
        else f"{peer} not installed"
        for peer in result.figure.peers
    )
    return (
        result.figure.name(result.tasks),
        _time(result.seconds["colabctl"]),
        ", ".join(others),
        "-" if result.ratio is None else f"{result.ratio:.1f}",
        "-" if result.figure.target is None else f"{result.figure.target:g}",
        result.verdict,
    )


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 0.1 else f"{seconds * 1e3:.2f} ms"


def between(page: str, section: str) -> str:
    """Return what a page has between the marks of a section; raise ValueError without them."""
    _, mark, rest = page.partition(start(section))
    text, end, _ = rest.partition(END)
    if not (mark and end):
        raise ValueError(f"the page has no line {start(section)!r} with a line {END!r} below it")
    return text.strip()


def write(file: Path, section: str, text: str) -> None:
    """Write the text between the marks of a section, or at the end of a file without them."""
    page = file.read_text(encoding="utf-8") if file.exists() else ""
    if start(section) not in page:
        page += f"{start(section)}\n{END}\n"
    head, _, rest = page.partition(start(section))
    tail = rest.partition(END)[2]
    file.write_text(f"{head}{start(section)}\n\n{text}\n\n{END}{tail}", encoding="utf-8")
