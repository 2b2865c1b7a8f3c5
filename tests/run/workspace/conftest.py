"""A project and its workspace for these tests."""

from tests.run.workspace.scene import scene

__all__ = ["scene"]
