"""Gives every task of a process the state that the first one found."""

import _signal  # type: ignore[import-not-found] # `signal` without its enumerations, which are slow
import os
import signal
import sys
from contextlib import suppress
from typing import Any

# The handlers of other signals are those of crashes, or cannot be changed.
_SIGNALS = [
    getattr(signal, name)
    for name in (
        "SIGINT",
        "SIGTERM",
        "SIGHUP",
        "SIGALRM",
        "SIGUSR1",
        "SIGUSR2",
        "SIGCHLD",
        "SIGPIPE",
    )
    if hasattr(signal, name)
]


class ProcessState:
    """The state of this process: what belongs to it, and not to a library or the user's code.

    That is the current folder, the environment, sys.argv, sys.path, the standard streams, the
    recursion limit, the umask, the signal handlers, and that no alarm is set. Imported modules and
    their contents, options of libraries, loggers and random generators stay as a task leaves them.
    """

    def __init__(self) -> None:
        self._folder = os.getcwd()  # noqa: PTH109 - a Path takes as long as all the rest
        self._environ = _environ().copy()
        self._argv = list(sys.argv)
        self._path = list(sys.path)
        self._streams: tuple[Any, Any, Any] = sys.stdin, sys.stdout, sys.stderr
        self._files = _files()
        self._recursion = sys.getrecursionlimit()
        self._umask = os.umask(0)
        os.umask(self._umask)
        self._handlers = [(number, _signal.getsignal(number)) for number in _SIGNALS]

    def restore(self) -> bool:
        """Restore the state after a task; return False if that is impossible.

        A stream that was closed, or whose file was exchanged, cannot be restored, because loggers
        and libraries hold it as well.
        """
        if (sys.stdin, sys.stdout, sys.stderr) != self._streams:
            for stream in (sys.stdout, sys.stderr):
                with suppress(Exception):  # it may be anything
                    stream.flush()
            sys.stdin, sys.stdout, sys.stderr = self._streams
        try:
            for stream in self._streams:
                if getattr(stream, "closed", False):
                    return False
            if _files() != self._files:
                return False
            if not _is_at(self._folder):
                os.chdir(self._folder)
        except (OSError, ValueError):
            return False
        if _environ() != self._environ:
            _reset_environ(self._environ)
        if sys.argv != self._argv:
            sys.argv = list(self._argv)
        if sys.path != self._path:
            sys.path[:] = self._path
        if sys.getrecursionlimit() != self._recursion:
            sys.setrecursionlimit(self._recursion)
        os.umask(self._umask)
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._handlers:
            if handler is not None and _signal.getsignal(number) is not handler:
                _signal.signal(number, handler)
        return True


def _is_at(folder: str) -> bool:
    try:
        return os.getcwd() == folder  # noqa: PTH109 - as above
    except FileNotFoundError:  # the task has deleted it
        return False


def _environ() -> dict[Any, Any]:
    """Return what os.environ holds, without decoding it."""
    return os.environ._data  # type: ignore[attr-defined,no-any-return] # noqa: SLF001 - the rest is slow


def _reset_environ(before: dict[Any, Any]) -> None:
    decode = os.environ.decodevalue
    values = {decode(name): decode(value) for name, value in before.items()}
    for name in [name for name in os.environ if name not in values]:
        del os.environ[name]
    os.environ.update(values)


def _files() -> list[int]:
    """Return which files the standard descriptors are."""
    return [os.fstat(0).st_ino, os.fstat(1).st_ino, os.fstat(2).st_ino]
