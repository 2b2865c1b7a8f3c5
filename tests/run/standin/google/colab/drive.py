"""Mounting, which asks the browser before it looks whether the Drive is mounted."""

from . import _message


def mount(
    mountpoint: str, force_remount: bool = False, timeout_ms: int = 120000, readonly: bool = False
) -> None:
    _message.blocking_request("request_auth", timeout_sec=timeout_ms / 1000)


def flush_and_unmount(timeout_ms: int = 24 * 60 * 60 * 1000) -> None:
    raise AssertionError("unmounted, under the worker's feet")
