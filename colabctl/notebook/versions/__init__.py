"""Versions of one notebook: what differs between two of them, and both in one notebook.

nbdime does this too. It needs a Jupyter server, GitPython and ten more packages, takes a second to
import, and seconds to compare 300 edited cells; its merge leaves conflict marks inside code.
"""
