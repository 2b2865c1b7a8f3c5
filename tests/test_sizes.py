"""Sizes are read as people write them, and written so that they can be read."""

import pytest

from colabctl.errors import UserError
from colabctl.sizes import format_part, format_size, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1000", 1000),
        ("500MB", 500_000_000),
        ("1.5 gb", 1_500_000_000),
        ("2GiB", 2 << 30),
        ("1k", 1000),
        ("1TB", 10**12),
        (" 7 B ", 7),
    ],
)
def test_a_size_is_a_number_with_a_unit(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "1XB", "GB", "1,5GB", "1e9", "nan", "9" * 40, "1 i"])
def test_anything_else_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UserError, match=r"min_free: .* is not a size; write 500MB"):
        parse_size(text, "min_free")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (1_500_000, "1.5 MB"),
        (812_000_000, "812 MB"),
        (10**12, "1.0 TB"),
    ],
)
def test_a_size_is_written_in_its_largest_unit(size: int, text: str) -> None:
    assert format_size(size) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 0, "0 of 0 bytes"),
        (3, 12, "3 of 12 bytes"),
        (1_234_000_000, 3_400_000_000, "1.2 of 3.4 GB"),
        (90, 1_000, "0.1 of 1.0 kB"),
    ],
)
def test_a_part_is_written_in_the_unit_of_the_whole(part: int, whole: int, text: str) -> None:
    assert format_part(part, whole) == text
