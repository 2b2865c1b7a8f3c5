"""Secrets, which the browser holds."""

from . import _message


class SecretNotFoundError(Exception):
    """There is no such secret."""

    def __init__(self, key: str) -> None:
        super().__init__(f"Secret {key} does not exist.")


class NotebookAccessError(Exception):
    """The notebook may not see the secret."""


def get(key: str) -> str:
    return _message.blocking_request("GetSecret", request={"key": key}, timeout_sec=10)
