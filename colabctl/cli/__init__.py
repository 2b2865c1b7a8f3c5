"""The command line: parse, call, print, and the one place that exits."""

import gc
import io
import os
import sys
from contextlib import suppress
from copy import copy
from pathlib import Path
from typing import IO, TYPE_CHECKING

import typer

from colabctl import interrupts
from colabctl.cli.app import app
from colabctl.cli.options import end_carrying
from colabctl.cli.terminal import one_line, plain
from colabctl.errors import UserError
from colabctl.sharedfs.faults import FREE_SPACE, describe, fault_of

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_STDERR = 2
_MANY_OBJECTS = 100_000  # a start makes many objects and no garbage; looking for it takes time


def main() -> None:
    """Run the command; exit with 0 if done, 1 if the user can fix it, 2 for wrong usage.

    Ctrl-C ends it with 130, as a shell expects, and never with a traceback.

    A reader that stops early, such as `head`, changes neither what the command does nor its exit
    code: `verify` still says whether the data has changed.
    """
    quits = interrupts.raise_again()
    try:
        _run()
    except SystemExit as end:
        if quits and isinstance(end.code, int | None):
            interrupts.quit_again()
            sys.stderr.flush()
            os._exit(end.code or 0)  # to free its memory, Python takes a tenth of a short command
        raise
    finally:
        if quits:
            interrupts.quit_again()


def _run() -> None:
    gc.set_threshold(_MANY_OBJECTS)
    sys.stdout, sys.stderr = _ignoring_closed_pipes(sys.stdout), _ignoring_closed_pipes(sys.stderr)
    if isinstance(sys.stdout, io.TextIOWrapper):  # escape what the terminal cannot show
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            try:
                _with_only(sys.argv[1:2])(prog_name="colabctl")  # however it was started
            finally:
                end_carrying()
        finally:
            _flush_output()
    except UserError as error:
        print(plain(f"colabctl: {error}"), file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        message = describe(error)
        if fault_of(error) == "full":
            message = f"{message}; {FREE_SPACE}"
        print(plain(f"colabctl: {one_line(message)}"), file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(interrupts.CODE)


def _with_only(names: list[str]) -> typer.Typer:
    """Return the app with only the named command, if it has one: typer prepares each command."""
    named = [
        command
        for command in app.registered_commands
        if command.callback is not None and [command.name or command.callback.__name__] == names
    ]
    if not named:  # a group, an option, a mistake, or the shell asks for completions
        return app
    smaller = copy(app)
    smaller.registered_commands, smaller.registered_groups = named, []
    return smaller


def _flush_output() -> None:
    """Write the rest of the output while an error, such as a full disk, can be reported."""
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError):
            sys.stdout.close()  # Python 3.13 complains if a stream fails while it is collected
        sys.stdout = _nowhere()  # do not fail again at exit
        raise


class _Output(io.FileIO):
    """A standard stream that drops its text once its reader has stopped.

    Messages are dropped after any error: there is no other place to report it.
    """

    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if self.fileno() == _STDERR or isinstance(error, BrokenPipeError):
                return memoryview(data).nbytes
            error.filename = "standard output"
            raise


def _ignoring_closed_pipes(stream: IO[str] | None) -> IO[str]:
    """Return a standard stream that ignores a broken pipe, even when Python exits.

    This has to happen below print(): Typer and rich turn a broken pipe into exit code 1, and Python
    complains about one in its last flush.
    """
    if stream is None:  # it was closed before this process started
        return _nowhere()
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)
    if not isinstance(stream, io.TextIOWrapper) or not isinstance(raw, io.FileIO):
        return stream  # a test's, or the console of Windows
    return io.TextIOWrapper(
        io.BufferedWriter(_Output(stream.fileno(), "w", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering or stream.write_through,
    )


def _nowhere() -> IO[str]:
    return Path(os.devnull).open("w", encoding="utf-8")
