"""Does one thing for many files at a time, and goes on with the others where it fails for one."""

from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, as_completed
from itertools import islice

_AHEAD = 64  # files that wait for a thread; so an error does not come after thousands of others


def each_of(pool: Executor, act: Callable[[str], None], names: Iterable[str]) -> None:
    """Call `act` with each name in the threads of a pool.

    After an error no other call starts; those that run are awaited, and the error is raised.
    """
    left = iter(names)
    running: set[Future[None]] = {pool.submit(act, name) for name in islice(left, _AHEAD)}
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
            running |= {pool.submit(act, name) for name in islice(left, 1)}
    if error is not None:
        raise error
