"""Takes the values of options that need no conversion as they are.

New versions of typer convert every value with pydantic, also text and what was not given. To import
pydantic takes a quarter of a worker's start, and longer than all the rest of a short command.
"""

from typing import Any

from typer.core import TyperGroup


class Commands(TyperGroup):
    """Commands that convert only the values that need it."""

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
    """Let a parameter of a command convert only values that are neither text nor its default."""
    kind = getattr(getattr(param, "type_descriptor", None), "annotation", None)
    if kind is None or param.required:  # another version of typer, or an error if it is missing
        return
    process = param.process_value
    is_list = param.multiple or param.nargs != 1

    def process_value(ctx: Any, value: Any) -> Any:
        if is_list:
            is_plain = not value or (kind == list[str] and all(type(each) is str for each in value))
            taken = list(value) if value else ()
        else:
            is_text = kind is str and type(value) is str
            is_plain, taken = value is None or is_text or value is param.default, value
        if not is_plain:
            return process(ctx, value)
        return taken if param.callback is None else param.callback(ctx, param, taken)

    param.process_value = process_value
