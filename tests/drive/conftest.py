"""Gives the drive's own tests their drives."""

from tests.drive.fixtures import drives

__all__ = ["drives"]
