"""What the user can mend: an exception whose text is all that is printed, and "did you mean"."""

from collections.abc import Iterable
from itertools import islice

_LONGEST_WORD = 60  # characters; comparing takes time by their square
_MOST_WORDS = 1000


class UserError(Exception):
    """Something the user can mend.

    The message is one line: what is wrong, with the name of the thing, and what to do next.
    The command line prints it without a traceback and exits 1; so does a notebook.
    """

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows instead of a traceback."""
        return [f"colabctl: {self}"]


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the known word that `word` was most likely meant to be, None if it is like none."""
    from difflib import get_close_matches  # noqa: PLC0415 - needed only when something is wrong

    if len(word) > _LONGEST_WORD:
        return None
    by_fold = {name.casefold(): name for name in islice(known, _MOST_WORDS)}
    close = get_close_matches(word.casefold(), by_fold, 1, cutoff)
    return by_fold[close[0]] if close else None
