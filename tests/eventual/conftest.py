"""Drives for these tests."""

from tests.drive.fixtures import drives

__all__ = ["drives"]
