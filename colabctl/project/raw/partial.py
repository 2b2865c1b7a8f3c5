"""Tells whether a listing of a folder shows only some of its files."""

import os

from colabctl.project.config import load
from colabctl.project.layout import Layout
from colabctl.project.raw.listing import Listing
from colabctl.project.raw.manifest import Manifest
from colabctl.sharedfs.mounts import guard_for


def is_partial(layout: Layout, recorded: Manifest | None, listing: Listing) -> bool:
    """Whether files may be absent only because the listing is not complete.

    That is so in a mirror, where data comes on demand. Elsewhere it is so without the sentinel,
    unless the project's folder is coherent and has none of the files: then someone has removed all
    of it.
    """
    if layout.mirror.exists():
        return True
    if recorded is None or not recorded.sentinel or listing.has_sentinel:
        return False
    return bool(listing.files) or not is_coherent(layout)


def is_coherent(layout: Layout) -> bool:
    """Whether the project's folder always lists all that is there."""
    config = load(layout.root, os.environ)
    return guard_for(layout.root, config.consistency).consistency == "coherent"
