"""Uploads, which a person picks in the browser."""

from . import _message


def upload() -> None:
    _message.blocking_request("upload")
