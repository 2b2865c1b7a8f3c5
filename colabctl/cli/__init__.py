"""The command line: parse, call, print, and the one place that exits."""

import io
import os
import sys

from colabctl.cli.app import app
from colabctl.cli.terminal import one_line, plain
from colabctl.errors import UserError


def main() -> None:
    """Run the command that was typed; exit 0 done, 1 the user can mend it, 2 wrong usage."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # what the terminal cannot show is spelled out
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except UserError as wrong:
        print(plain(f"colabctl: {wrong}"), file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as wrong:
        what = f"{wrong.filename or 'a file'}: {wrong.strerror or wrong}"
        print(plain(f"colabctl: {one_line(what)}"), file=sys.stderr)
        sys.exit(1)
