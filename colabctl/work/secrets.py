"""The secrets of a project: they come from the environment, and never reach a file."""

from collections.abc import Callable, Mapping, Sequence

from colabctl.errors import UserError

_SHORTEST = 4  # characters; shorter ones stand in every other word


def check_present(names: Sequence[str], environ: Mapping[str, str]) -> None:
    """Raise UserError, naming them, if some secrets are not in the environment."""
    missing = [name for name in names if not environ.get(name)]
    if missing:
        raise UserError(
            f"secrets named in colabctl.yaml are not in the environment: {', '.join(missing)}; in "
            "Colab add them under the key symbol and run the notebook's cells again, elsewhere "
            f"export {missing[0]}=..."
        )


def concealer(names: Sequence[str], environ: Mapping[str, str]) -> Callable[[str], str]:
    """Return what replaces the values of secrets in a text by their names."""
    values = {name: value for name in names if len(value := environ.get(name, "")) >= _SHORTEST}

    def conceal(text: str) -> str:
        for name, value in values.items():
            text = text.replace(value, f"[{name}]")
        return text

    return conceal
