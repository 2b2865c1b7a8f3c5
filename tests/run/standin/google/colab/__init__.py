"""A stand-in for google.colab, as it behaves in a process to which no browser listens.

Its functions ask the browser and wait: for ten seconds, for two minutes, for ever. Here they all
wait for ever, so that a test shows whether they are asked at all.
"""

from . import _message, auth, drive, files, runtime, userdata

__all__ = ["_message", "auth", "drive", "files", "runtime", "userdata"]
