"""Takes the values of options that are easy to convert: text, paths and whole numbers.

New versions of typer convert every value with pydantic, also text and what was not given. To import
pydantic takes a quarter of a worker's start, and longer than all the rest of a short command.
"""

from pathlib import Path
from typing import Any

from typer.core import TyperGroup

_LONG = 16  # digits; no option needs as many


class Commands(TyperGroup):
    """Commands that leave only unusual values to typer."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the options before the command."""
        _take_texts(self, ctx)
        return super().parse_args(ctx, args)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, ready to parse its options."""
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            _take_texts(command, ctx)
        return command


def _take_texts(command: Any, ctx: Any) -> None:
    for param in (*command.params, command.get_help_option(ctx)):
        _take_text(param)


def _take_text(param: Any) -> None:
    """Let typer convert only values of a parameter that are not easy to convert."""
    descriptor = getattr(param, "type_descriptor", None)
    if descriptor is None or not hasattr(descriptor, "annotation"):  # another version of typer
        return
    process = param.process_value
    is_list = param.multiple or param.nargs != 1

    def process_value(ctx: Any, value: Any) -> Any:
        if is_list:
            is_text = descriptor.annotation == list[str] and all(
                type(each) is str for each in value or ()
            )
            is_plain = not param.required and (is_text or not value)
            taken: Any = list(value) if value else ()
        elif value is None or value is param.default:
            is_plain, taken = not param.required, value
        else:
            taken = _converted(descriptor.annotation, descriptor.parameter_info, value)
            is_plain = taken is not None
        if not is_plain:
            return process(ctx, value)
        return taken if param.callback is None else param.callback(ctx, param, taken)

    param.process_value = process_value


def _converted(kind: type, info: Any, value: Any) -> str | int | Path | None:
    """Return a text as the kind of value that is asked for; None if that needs a closer look."""
    if type(value) is not str:
        return None
    if kind is str:
        return value
    if kind is Path and info.file_okay and info.dir_okay and not (info.exists or info.resolve_path):
        return Path(value)
    if kind is int and value.isascii() and value.isdecimal() and len(value) < _LONG:
        number = int(value)
        least = number if info.min is None else info.min
        most = number if info.max is None else info.max
        return number if least <= number <= most else None
    return None
