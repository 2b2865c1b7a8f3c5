"""What the functions of google.colab ask the browser by."""

import time
from typing import Any, NoReturn


def blocking_request(
    request_type: str, request: Any = "", timeout_sec: float | None = 5, parent: Any = None
) -> NoReturn:
    while True:
        time.sleep(1)


def read_reply_from_input(message_id: str, timeout_sec: float | None = None) -> NoReturn:
    blocking_request("reply")
