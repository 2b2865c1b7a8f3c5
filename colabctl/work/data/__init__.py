"""The data of a sweep on this machine: staged on its disk, or brought from a store."""
