"""The one exception for what the user can mend: its text is all that is printed."""


class UserError(Exception):
    """Something the user can mend.

    The message is one line: what is wrong, with the name of the thing, and what to do next.
    The command line prints it without a traceback and exits 1; so does a notebook.
    """

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows instead of a traceback."""
        return [f"colabctl: {self}"]
