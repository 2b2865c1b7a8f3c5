"""The user's account, for which the browser opens a window."""

from . import _message


def authenticate_user(clear_output: bool = True) -> None:
    _message.blocking_request("request_auth", timeout_sec=None)
