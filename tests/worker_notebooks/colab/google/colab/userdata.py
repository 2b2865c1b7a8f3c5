"""Gives secrets as google.colab.userdata does, with its exceptions."""

import json

from google.colab import place


class SecretNotFoundError(Exception):
    """There is no secret of that name."""


class NotebookAccessError(Exception):
    """The notebook may not read it."""


class TimeoutException(Exception):  # noqa: N818 - Colab's name
    """No one answered."""


def get(key: str) -> str:
    """Return a secret; one whose value is null may not be read."""
    secrets = json.loads((place / "secrets.json").read_text())
    if key not in secrets:
        raise SecretNotFoundError(f"Secret {key} does not exist.")
    if secrets[key] is None:
        raise NotebookAccessError(f"Notebook does not have access to secret {key}")
    return str(secrets[key])
