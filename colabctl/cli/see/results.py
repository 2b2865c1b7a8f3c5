"""The command that prints the results of a sweep or writes them to a file."""

import re
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colabctl.cli.options import Force, Root, Sweep, names_in, open_project, output_option, tell
from colabctl.cli.terminal import counted, for_screen, one_line, plain
from colabctl.errors import UserError

if TYPE_CHECKING:
    from colabctl.views.results.content import Content, View
    from colabctl.work.open_sweep import OpenSweep

_STDOUT = Path("-")
_LOOK_EVERY = 2.0  # seconds between looks with --follow
_LOOK_LESS = 10  # a look waits at least this many times the seconds that the last one took


def results(
    sweep: Sweep,
    best: Annotated[
        str | None,
        typer.Option(
            "--best",
            metavar="N",
            help="Only the N best by the sweep's metric; with --by, the N best groups.",
            show_default="all",
        ),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            "--where",
            metavar="CONDITION",
            help="Only results that meet it, such as \"lr < 0.01 and model == 'svm'\".",
            show_default="all",
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            metavar="NAMES",
            help="A row for each group, such as model,dataset: count, best, mean and sd; config "
            "is all parameters but the repeats', and task is each task.",
            show_default="a row for each task; with repeats, config",
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(
            "--sort",
            metavar="NAMES",
            help="Sort by these columns; -NAME puts the largest first.",
            show_default="as the tasks; --best and --by, the best first",
        ),
    ] = None,
    pareto: Annotated[
        bool,
        typer.Option(
            "--pareto", help="Only the Pareto front: what nothing else beats in all of `metrics`."
        ),
    ] = False,
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric",
            metavar="NAME",
            help="Of several `metrics`, the one that --best and --by go by.",
            show_default="the sweep's metric",
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            metavar="NAMES",
            help="Only these columns, in this order.",
            show_default="those that vary",
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All columns, also those that are the same in all tasks.")
    ] = False,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="table|csv|json|jsonl|markdown|sqlite|parquet",
            help="Format of the results.",
            show_default="the file extension of FILE, else table",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        output_option("FILE", "File to write to; - for standard output.", "results are printed"),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Keep FILE current until the sweep is finished.")
    ] = False,
    force: Force = False,
    root: Root = None,
) -> None:
    """Print the results of a sweep or write them to a file, one row per finished task."""
    from dataclasses import replace

    from colabctl.cli.steer.archive import tell_if_archived
    from colabctl.sharedfs.links import check_inside
    from colabctl.sharedfs.names import safe_name
    from colabctl.sweeps import differing
    from colabctl.views import files
    from colabctl.views.results.content import View
    from colabctl.views.results.query import Query
    from colabctl.work.open_sweep import OpenSweep

    output = None if output == _STDOUT and form not in {"sqlite", "parquet"} else output
    layout, _ = open_project(root)
    if output is not None and output != _STDOUT:
        check_inside(output, layout.root)
        files.check_regular(output)
    form = _format(form, output, safe_name(sweep))
    if follow and output in {None, _STDOUT}:
        raise UserError("--follow keeps a file current; name it with -o FILE")
    most = _count(best)
    open_sweep = OpenSweep.named(layout, sweep)
    by_names = names_in(by, "--by")
    if pareto and (best or by or metric):
        raise UserError("--pareto is used without --best, --by and --metric")
    if not (by or columns or sort or pareto) and _by_config(open_sweep, form, best, metric):
        by_names = ["config"]
    is_text_file = output is not None and form in {"csv", "json", "jsonl"}
    view = View(
        Query(where, most, names_in(sort, "--sort"), pareto),
        by=by_names,
        columns=names_in(columns, "--columns"),
        for_people=form in {"table", "markdown"},
        everything=everything,
        metric=metric,
    )
    if is_text_file:
        view = replace(view, lead=["sweep"] if view.is_grouped else ["sweep", "task"])
    tell_if_archived(open_sweep.layout)
    for sentence in differing(open_sweep.layout, open_sweep.plan):
        tell(f"note: {sentence}")
    content = _look(open_sweep, view)
    for damage in open_sweep.ledger.damage:
        tell(f"note: {one_line(str(damage))}")
    if output is None:
        _print(content, form, open_sweep, view)
    else:
        _write(content, output, form, view, force=force)
    if not content.count and (output is not None or form != "table"):
        tell(f"note: {one_line(_why_none(open_sweep, view))}")
    if follow and output is not None:
        _follow(open_sweep, view, output, form, force=force)
    for sentence in open_sweep.tasks.damage():  # of the files that were read for the rows
        tell(f"note: {one_line(sentence)}")


def _by_config(sweep: "OpenSweep", form: str, best: str | None, metric: str | None) -> bool:
    """Whether configurations are shown by default: to people, and where the best are asked for."""
    plan = sweep.plan
    is_wanted = plan.repeats.count > 1 and (plan.metric or metric) is not None
    return is_wanted and (form in {"table", "markdown"} or best is not None)


def _count(best: str | None) -> int | None:
    """Return the number of --best; a text that is not one ends the command with its usage."""
    if best is None:
        return None
    if not re.fullmatch(r"0*[1-9][0-9]{0,8}", best):
        raise typer.BadParameter(
            f"{best:.60} is not a whole number of at least 1; for example: --best 5",
            param_hint="--best",
        )
    return int(best)


def _format(form: str | None, output: Path | None, sweep: str) -> str:
    """Return the format to print or to write; raise UserError if it is not one of them."""
    from colabctl.views.results.write import FORMATS, TEXT_FORMATS, format_of

    is_file = output is not None
    form = form or (format_of(output) if output is not None else "table")
    if form not in {"table", *FORMATS}:
        choices = ", ".join(("table", *FORMATS))
        raise UserError(f"--format {form}: unknown; choose one of {choices}")
    if form == "table" and is_file:
        raise UserError("--format table is for the terminal; for a file, use --format csv")
    if form not in {"table", *TEXT_FORMATS} and (
        not is_file or (output == _STDOUT and _on_screen())
    ):
        file = shlex.quote(f"{sweep}.{form}")
        raise UserError(f"{form} is a binary format; give an output file: -o {file}")
    return form


def _on_screen() -> bool:
    return sys.stdout.isatty()


def _look(sweep: "OpenSweep", view: "View") -> "Content":
    """Read what is new, and return what there is to show."""
    from dataclasses import replace

    from colabctl.cli.see.results_table import shown
    from colabctl.sweeps import run_folders
    from colabctl.views.results import Results
    from colabctl.views.results.content import content
    from colabctl.views.results.folders import folders
    from colabctl.views.results.names import Names

    sweep.ledger.refresh()
    plan, state, tasks = sweep.plan, sweep.ledger.state, sweep.tasks
    folder_of = folders(
        sweep.root, sweep.layout, run_folders(sweep.layout, plan), sweep.ledger.numbering
    )
    rows = Results(plan, state, tasks, folder_of=folder_of)
    return replace(content(view, plan, state, rows, Names(plan, tasks, rows)), show=shown)


def _print(content: "Content", form: str, sweep: "OpenSweep", view: "View") -> None:
    from colabctl.cli.see.results_table import print_table
    from colabctl.views.results.write import as_text

    if form == "table" and content.count:
        print_table(content, sweep.plan, _choosing(view))
    elif form == "table":
        print(plain(one_line(_why_none(sweep, view))))
    else:
        for text in as_text(content, form):
            print(for_screen(text), end="")


def _choosing(view: "View") -> list[str]:
    """Return the options that chose the rows of a table, for a command that writes the same."""
    query = view.query
    options = ["--best", str(query.best)] if query.best is not None else []
    options += ["--where", query.where] if query.where is not None else []
    options += ["--pareto"] if query.pareto else []
    options += [f"--metric={view.metric}"] if view.metric is not None else []
    for option, names in (("--by", view.by), ("--sort", query.sort)):
        listed = ",".join(f"`{name}`" if "," in name else name for name in names)
        options += [f"{option}={listed}"] if names else []  # with =, as a name may begin with -
    return options


def _why_none(sweep: "OpenSweep", view: "View") -> str:
    """Return why there are no results."""
    from colabctl.views.best import unreported

    state = sweep.ledger.state
    if not state.finished:
        return "no finished tasks yet"
    if view.query.pareto:
        return unreported(sweep.plan, state) or "no task is done yet"
    if view.query.best is not None and not state.counts["done"]:
        return "no task is done yet"
    if view.query.best is not None and (missing := unreported(sweep.plan, state)):
        return missing
    if view.query.where is None:
        return f"no task has a result: {counted(state.finished, 'task')} cancelled or failed"
    tasks = counted(state.finished, "finished task")
    return f"none of {tasks} meets the condition: {view.query.where}"


def _write(content: "Content", output: Path, form: str, view: "View", *, force: bool) -> None:
    from colabctl.views.results.write import write

    if output == _STDOUT:
        _write_stdout(content, form)
        return
    write(content, output, form, replace=force)
    noun = "group" if view.is_grouped else "result"
    tell(f"{counted(content.count, noun)} written to {output}")


def _write_stdout(content: "Content", form: str) -> None:
    """Write a binary format to standard output."""
    import tempfile

    from colabctl.views.results.write import write

    with tempfile.TemporaryDirectory(prefix="colabctl-results-") as scratch:
        file = Path(scratch) / "results"
        write(content, file, form)
        sys.stdout.buffer.write(file.read_bytes())


def _follow(sweep: "OpenSweep", view: "View", output: Path, form: str, *, force: bool) -> None:
    """Keep a file current until the sweep is finished, writing only after news."""
    state = sweep.ledger.state
    outcomes, seconds = state.columns.outcomes.tobytes(), 0.0
    try:
        while not _is_over(sweep):
            time.sleep(max(_LOOK_EVERY, _LOOK_LESS * seconds))
            started = time.monotonic()
            sweep.ledger.refresh()
            if state.columns.outcomes.tobytes() != outcomes:
                outcomes = state.columns.outcomes.tobytes()
                _write(_look(sweep, view), output, form, view, force=force)
            seconds = time.monotonic() - started
    except KeyboardInterrupt:
        tell(f"stopped following; {output} has the results until now")
        raise


def _is_over(sweep: "OpenSweep") -> bool:
    """Whether there will be no more results, unless someone resumes or retries."""
    state = sweep.ledger.state
    if state.finished == state.total:
        return True
    workers = state.live_workers(sweep.ledger.clock.now())
    return state.order == "stop" and not any(state.held.get(worker.name) for worker in workers)
