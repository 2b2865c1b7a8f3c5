"""Does one thing for many files at a time, and continues with the others where it fails for one."""

from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, as_completed
from itertools import islice

_AHEAD = 64  # files that wait for a thread; so an error does not come after thousands of others


def each_of(pool: Executor, act: Callable[[str], None], names: Iterable[str]) -> None:
    """Call `act` with each name in the threads of a pool.

    After an error no other call starts; those that run are awaited, and the error is raised.
    """
    left = iter(names)
    running: set[Future[None]] = {_started(pool, act, name) for name in islice(left, _AHEAD)}
    error: BaseException | None = None
    while running:
        ended = next(as_completed(running))
        running.discard(ended)
        error = error or ended.exception()
        if error is not None:
            for each in running:
                each.cancel()
            running = {each for each in running if not each.cancelled()}
        else:
            running |= {_started(pool, act, name) for name in islice(left, 1)}
    if error is not None:
        raise error


def _started(pool: Executor, act: Callable[[str], None], name: str) -> Future[None]:
    """Start a call in a thread; in this one while Python exits, when there are no new threads."""
    try:
        return pool.submit(act, name)
    except RuntimeError:
        ended: Future[None] = Future()
        try:
            act(name)
        except Exception as error:  # noqa: BLE001 - as a thread would keep it
            ended.set_exception(error)
        else:
            ended.set_result(None)
        return ended
