"""The process of one mount, which ends when its connection to the test does."""

import os
import queue
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection

from tests.drive.filesystem.mount import Mount
from tests.drive.messages import Arrived, Change, Count, Fail, Fill, Repair, Setting, Uploaded


def main() -> None:
    """Mount, and serve until the test ends; the first argument is the connection's descriptor."""
    # A machine may have libfuse 2 as well, which mfusepy would take first.
    os.environ["FUSE_LIBRARY_NAME"] = "fuse3"
    from mfusepy import FUSE  # noqa: PLC0415 - reads that variable as it is imported

    connection: Connection = Connection(int(sys.argv[1]))
    setting: Setting = connection.recv()
    # A thread sends: an operation that holds a lock must not wait until the test reads.
    outgoing: queue.SimpleQueue[Change | object] = queue.SimpleQueue()
    mount = Mount(setting, tell=outgoing.put, mounted=lambda: outgoing.put(mount.faults.counts))
    threading.Thread(target=_send, args=(connection, outgoing), daemon=True).start()
    receiver = threading.Thread(target=_receive, args=(connection, mount, outgoing), daemon=True)
    receiver.start()
    FUSE(
        mount,
        setting.path,
        foreground=True,
        fsname="drive",
        subtype="drive",  # the mount table says fuse.drive, as on Colab
        # The kernel caches no names, so changes are visible at once. It caches attributes for a
        # millisecond, so that stat() asks once and not twice.
        entry_timeout=0,
        negative_timeout=0,
        attr_timeout=0.001,
        direct_io=True,  # and no contents
        hard_remove=True,  # a file removed while open is gone, not renamed
        use_ino=True,
    )
    receiver.join()  # unmounted; the changes before may still have to be sent


def _send(connection: Connection, outgoing: "queue.SimpleQueue[Change | object]") -> None:
    with suppress(OSError):
        while True:
            connection.send(outgoing.get())


def _receive(
    connection: Connection, mount: Mount, outgoing: "queue.SimpleQueue[Change | object]"
) -> None:
    while True:
        try:
            message = connection.recv()
        except (EOFError, OSError):
            os._exit(0)  # the test is over or dead
        match message:
            case Arrived() | Uploaded():
                mount.learn(message)
            case Fail(number, seconds):
                mount.faults.fail(number, seconds)
            case Fill(room):
                mount.faults.fill(room)
            case Repair():
                mount.faults.repair()
            case Count():
                outgoing.put(mount.faults.counts)


if __name__ == "__main__":
    main()
