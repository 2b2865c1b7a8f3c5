"""What signals do to a worker: it gives back its tasks before it ends.

A signal that the process ignored from its start stays ignored: nohup does that, and a shell for the
background jobs of a script, because Ctrl-C is meant for the foreground.
"""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

# A terminal that is closed sends SIGHUP, which Windows does not have.
_ENDING = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
)  # fmt: skip


class Interruption(threading.Event):
    """Set by the first signal that asks a worker to end.

    Attributes:
        number: The signal's number; None if it was not a signal, or there was none.

    """

    def __init__(self) -> None:
        super().__init__()
        self.number: int | None = None


@contextmanager
def setting(interrupted: Interruption) -> Iterator[None]:
    """Let SIGTERM, SIGHUP and Ctrl-C set `interrupted`; a second Ctrl-C works as usual."""

    def interrupt(number: int, _frame: object) -> None:
        if interrupted.number is None:
            interrupted.number = number
        interrupted.set()
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    with _handling((*_ENDING, signal.SIGINT), interrupt, keeps=signal.SIG_IGN):
        yield


@contextmanager
def raising() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise SystemExit, as Ctrl-C raises KeyboardInterrupt.

    Handlers that the user's own code has set stay.
    """

    def end(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    with _handling(_ENDING, end, replaces=signal.SIG_DFL):
        yield


@contextmanager
def interrupting(interrupt: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Yield a function that calls `interrupt` in the main thread, between two steps of its code.

    It wakes the thread where that waits for the system. What `interrupt` raises is raised there.
    Where that cannot be, or the user's own code uses the signal, the function does nothing. It must
    not be called any more when this ends.
    """
    number = getattr(signal, "SIGUSR2", None)  # Windows has none
    is_main = threading.current_thread() is threading.main_thread()
    if number is None or not is_main or signal.getsignal(number) != signal.SIG_DFL:
        yield lambda: None
        return
    main = threading.get_ident()
    with _handling((number,), lambda _number, _frame: interrupt()):
        yield lambda: signal.pthread_kill(main, number)


@contextmanager
def _handling(
    numbers: tuple[signal.Signals, ...],
    handler: Callable[[int, object], None],
    *,
    keeps: Any = None,
    replaces: Any = None,
) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can set handlers
        return
    old: dict[signal.Signals, Any] = {}
    try:
        for number in numbers:
            present = signal.getsignal(number)
            if present != keeps and replaces in (None, present):
                old[number] = signal.signal(number, handler)
        yield
    finally:
        with suppress(ValueError):  # a loop that was left may be closed in another thread
            for number, before in old.items():
                signal.signal(number, before)
