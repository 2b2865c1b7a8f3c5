"""The error for problems that users can fix, and the search for a similar name."""

from collections.abc import Iterable
from itertools import islice

_LONGEST_WORD = 60  # characters; comparing takes quadratic time
_MOST_WORDS = 1000


class UserError(Exception):
    """A problem that the user can fix.

    The message says what is wrong, names the thing, and says what to do next. The command line
    prints it without a traceback and exits with 1. A notebook shows it without a traceback too.
    """

    def _render_traceback_(self) -> list[str]:
        """Return the lines that IPython shows instead of a traceback."""
        return [f"colabctl: {self}"]


class CancelledError(UserError):
    """A member has cancelled the task, and its code in a loop has not ended by itself."""


def nearest(word: str, names: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the name that is most similar to `word`, ignoring case; None if none is similar."""
    from difflib import get_close_matches  # noqa: PLC0415 - needed only after a mistake

    if len(word) > _LONGEST_WORD:
        return None
    by_fold = {name.casefold(): name for name in islice(names, _MOST_WORDS)}
    close = get_close_matches(word.casefold(), by_fold, 1, cutoff)
    return by_fold[close[0]] if close else None
