"""Gives these tests their drives."""

from tests.drive.fixtures import drives

__all__ = ["drives"]
