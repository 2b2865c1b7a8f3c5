"""Notebooks as values: what they are, what is put into them, what is kept of a run."""

from colabctl.notebook.injection import injected, shown
from colabctl.notebook.listing import listing
from colabctl.notebook.parameters import check
from colabctl.notebook.reading import Notebook, read

__all__ = ["Notebook", "check", "injected", "listing", "read", "shown"]
