"""What these tests share with those of the rooms below."""

from tests.space.conftest import swept

__all__ = ["swept"]
