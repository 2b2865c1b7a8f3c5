"""A simulated Drive for tests: a FUSE mount for each machine, and a cloud between them.

    with Drive(folder, machines=4, median=1.0, worst=6.0, seed=1) as drive:
        first, second = drive.machine(0), drive.machine(1)
        (first.path / "note.txt").write_text("hello")
        drive.settle()
        assert (second.path / "note.txt").read_text() == "hello"

It behaves as Google Drive's mount on Colab does. A name is not an identity: the same name created
on two machines gives two objects. Writes go to a local cache, and a file is uploaded as a whole
some time after it is closed. Other machines see it later, each file after its own delay. A listing
may omit a file that a direct open finds. The last upload of a file wins. Locks do not reach other
machines.

The kernel caches no names and no contents, so that changes are visible at once. In return, files
cannot be mapped into shared memory. It needs Linux, FUSE 3 and the package mfusepy. Without them,
`tests.drive.fixtures` skips the test.
"""

from tests.drive.drive import Drive
from tests.drive.machine import Machine
from tests.drive.messages import Counts
from tests.drive.mounted import MountRefusedError

__all__ = ["Counts", "Drive", "Machine", "MountRefusedError"]
