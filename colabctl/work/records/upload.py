"""Waits until what a worker wrote is uploaded, before its machine may go."""

import time
from collections.abc import Callable, Iterable

from colabctl.sharedfs.uploads import wait_until_uploaded
from colabctl.signals import Interruption
from colabctl.sweeps import journal_folders
from colabctl.work.open_sweep import OpenSweep

DRAIN = 60.0
"""How many seconds before --max-time tasks end, so that results can be uploaded."""

_UPLOAD = 600.0  # seconds to wait for the upload of the results


def wait_for_upload(
    sweep: OpenSweep,
    workers: Iterable[str],
    until_end: float | None,
    interrupted: Interruption,
    tell: Callable[[str], None],
) -> None:
    """On a Drive, wait until these journals are uploaded, and report files that are not.

    `until_end` is the monotonic time of --max-time. After an interrupt, it does not wait.
    """
    if sweep.plan.consistency != "eventual":
        return
    files = [
        path
        for worker in workers
        for folder in journal_folders(sweep.layout, sweep.plan)
        for path in (folder / worker).rglob("*.jsonl")
        if path.is_file()
    ]
    longest = time.monotonic() + (0.0 if interrupted.is_set() else _UPLOAD)
    until = longest if until_end is None else min(longest, until_end + DRAIN)
    left = wait_until_uploaded(
        files,
        until=lambda: time.monotonic() >= until or interrupted.is_set(),
        sleep=interrupted.wait,
    )
    if left is None:
        tell(
            "this mount does not tell whether files are uploaded; in Colab, run "
            "drive.flush_and_unmount() before the machine is deleted"
        )
    elif left:
        tell(f"{len(left)} files of this worker's journal are not uploaded yet; wait for "
                  "them before you close this machine")  # fmt: skip
    else:
        tell("all results are uploaded")
