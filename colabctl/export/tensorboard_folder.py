"""Writes a folder for TensorBoard: a run for each finished task, with its hyper-parameters.

Import this only where TensorBoard is installed; TensorFlow is not needed. TensorBoard finds out
itself which parameters and metrics there are, and their types.
"""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2
from tensorboard.plugins.hparams import summary_v2 as hparams
from tensorboard.summary.writer.record_writer import RecordWriter

from colabctl.errors import UserError
from colabctl.export.runs import Run
from colabctl.ledger import Plan
from colabctl.views import files

_NOTE = "colabctl.txt"  # in the folder; says whose runs it holds
_EVENTS = "events.out.tfevents.0.colabctl"  # always the same, so that an export replaces the last

_TASK = re.compile(r"t\d+")

_Plain = str | bool | int | float


def write_runs(
    runs: Iterator[Run],
    folder: Path,
    plan: Plan,
    *,
    replace: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Write each run into a folder of its own in `folder`; return their number.

    Runs of an earlier export of this sweep are replaced. Other files stay. Without `replace`,
    raises UserError for a folder that holds anything else, and always for one where a link is in
    the place of a run.
    """
    _prepare(folder, plan.sweep, replace=replace)
    written: set[str] = set()
    for run in runs:
        if (folder / run.name).is_symlink():
            raise UserError(
                f"{folder / run.name} is a link, so no run is written there; remove it, or give "
                "another name with -o"
            )
        files.make_folder(folder / run.name)
        files.write(folder / run.name / _EVENTS, _records(_events(run)))
        written.add(run.name)
        progress(len(written))
    for old in folder.iterdir():
        if old.name not in written and _TASK.fullmatch(old.name) and not old.is_symlink():
            _remove(old)  # for example, its result was discarded
    return len(written)


def _remove(run: Path) -> None:
    """Remove what an earlier export wrote of a run; other files stay."""
    events = run / _EVENTS
    if events.is_file() and not events.is_symlink():
        events.unlink()
        with suppress(OSError):  # it holds other files
            run.rmdir()


def _prepare(folder: Path, sweep: str, *, replace: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file; give a folder for TensorBoard's runs")
    files.make_folder(folder)
    mark = f"Runs of the colabctl sweep {sweep}, for TensorBoard\n".encode()
    note = folder / _NOTE
    is_ours = note.is_file() and note.read_bytes() == mark
    if not (is_ours or replace) and any(folder.iterdir()):
        raise UserError(
            f"{folder} exists and was not written from sweep {sweep}; give another name with -o, "
            "or --force"
        )
    files.write(note, mark)


def _events(run: Run) -> Iterator[event_pb2.Event]:
    """Yield the parameters, every report, the metrics, and how the run ended."""
    yield event_pb2.Event(wall_time=run.started, file_version="brain.Event:2")
    params = {name: value for name, value in run.params.items() if isinstance(value, _Plain)}
    start = hparams.hparams_pb(params, trial_id=run.name, start_time_secs=run.started)
    yield event_pb2.Event(wall_time=run.started, summary=start)
    last = 0
    latest: dict[str, tuple[int, float]] = {}
    for step, values in run.reports:
        yield _scalars(run, step, values)
        last, latest = step, latest | {name: (step, value) for name, value in values.items()}
    # TensorBoard shows the last value of a metric.
    metrics = {
        name: value for name, value in run.metrics.items() if latest.get(name) != (last, value)
    }
    step = last + any(name in latest and latest[name][0] == last for name in metrics)
    yield _scalars(run, step, metrics)
    status = api_pb2.STATUS_FAILURE if run.status == "failed" else api_pb2.STATUS_SUCCESS
    data = plugin_data_pb2.HParamsPluginData(
        session_end_info=plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=run.ended)
    )
    end = summary_pb2.Summary()
    end.value.add(
        tag=metadata.SESSION_END_INFO_TAG,
        metadata=metadata.create_summary_metadata(data),
        tensor=metadata.NULL_TENSOR,
    )
    yield event_pb2.Event(wall_time=run.ended, summary=end)


def _scalars(run: Run, step: int, values: dict[str, float]) -> event_pb2.Event:
    summary = summary_pb2.Summary()
    for name, value in values.items():
        summary.value.add(tag=name, simple_value=value)
    return event_pb2.Event(wall_time=run.ended, step=step, summary=summary)


def _records(events: Iterator[event_pb2.Event]) -> bytes:
    stream = io.BytesIO()
    writer = RecordWriter(stream)
    for event in events:
        writer.write(event.SerializeToString())
    return stream.getvalue()
