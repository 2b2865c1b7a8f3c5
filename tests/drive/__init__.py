"""A Drive to test on: one FUSE mount for each pretended machine and a cloud between them.

    with Drive(folder, machines=4, median=1.0, worst=6.0, seed=1) as drive:
        first, second = drive.machine(0), drive.machine(1)
        (first.path / "note.txt").write_text("hello")
        drive.settle()
        assert (second.path / "note.txt").read_text() == "hello"

What it does as Google Drive's mount on Colab does: a name is not an identity, so one name made on
two machines gives two objects; writes land in a local cache and are uploaded whole some time after
close; other machines learn of a file later still, each file on its own time; a listing may lack
what a direct open finds; the last upload of one file wins; locks end at the mount.

The kernel keeps no names and no contents of it, so news is seen at once; the price is that a file
on it cannot be mapped into shared memory. It needs Linux, FUSE 3 and the package mfusepy, and
`tests.drive.fixtures` skips where they are missing.
"""

from tests.drive.drive import Drive
from tests.drive.machine import Machine
from tests.drive.messages import Counts
from tests.drive.mounted import MountRefusedError

__all__ = ["Counts", "Drive", "Machine", "MountRefusedError"]
