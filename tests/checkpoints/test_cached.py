"""Functions whose values are kept by their arguments."""

import dataclasses
import datetime as dt
import enum
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from colabctl.checkpoints.cached import cached
from colabctl.checkpoints.origin import Owner
from colabctl.checkpoints.values import digest_of
from colabctl.errors import UserError


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    folder = tmp_path / "checkpoints/ana"
    folder.mkdir(parents=True)
    return Owner(folder, tmp_path, "ana")


def test_a_value_is_computed_once_for_each_set_of_arguments(owner: Owner) -> None:
    calls: list[Any] = []

    def power(base: Any, n: int = 2) -> Any:
        calls.append((base, n))
        return base**n

    kept = cached(power, owner)
    assert [kept(3), kept(3, 2), kept(base=3), kept(3, n=3)] == [9, 9, 9, 27]
    np.testing.assert_array_equal(kept(np.arange(3)), [0, 1, 4])
    np.testing.assert_array_equal(kept(np.arange(3)), [0, 1, 4])
    assert len(calls) == 3


def test_values_of_all_kinds_come_back_as_they_were(owner: Owner) -> None:
    frame = pd.DataFrame({"a": [1]})
    values: list[Any] = [
        None, (1, [2.5, float("inf")], {3: b"x"}), {"a": np.float32(2), "b": {1}}, "text", frame,
    ]  # fmt: skip
    kept = cached(lambda n: values[n], owner, name="value")
    for _ in range(2):
        for number, value in enumerate(values):
            got = kept(number)
            assert type(got) is type(value)
            assert got.equals(value) if value is frame else got == value


def test_a_file_that_is_given_as_a_path_counts_with_its_content(
    owner: Owner, tmp_path: Path
) -> None:
    file = tmp_path / "x.txt"
    kept = cached(lambda path: path.read_text(), owner, name="read")
    for text in ("one", "two!"):
        file.write_text(text)
        assert kept(file) == text


class Color(enum.Enum):
    """Colours."""

    RED = 1


@dataclasses.dataclass
class Config:
    """Some options."""

    lr: float
    names: list[str]


def test_arguments_are_told_apart_by_type_and_content() -> None:
    values = [
        1, 1.0, True, "1", b"1", None, [1], (1,), {1}, {"a": 1}, {1: "a"}, Color.RED, Path("a"), "a",
        Config(1, []), Config(1, ["a"]), dt.date(2026, 1, 1), np.int64(1), np.arange(2),
        np.arange(2.0), np.arange(4).reshape(2, 2), np.arange(4), pd.Series([1]),
        pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]}), ["a", "b"], ["ab"], [["a"], "b"],
        -0.0, 0.0, digest_of,
    ]  # fmt: skip
    assert len({digest_of(value, "x") for value in values}) == len(values)


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.floats()))
def test_the_order_of_a_dictionary_does_not_count(value: dict[str, Any]) -> None:
    assert digest_of(value, "x") == digest_of(dict(reversed(value.items())), "x")


@pytest.mark.parametrize(
    "value",
    [lambda: 1, object(), np.random.default_rng(), {"a": [open]}, iter([1]), np.array([{}])],
)
def test_an_argument_without_stable_content_is_named(owner: Owner, value: Any) -> None:
    kept = cached(lambda a, b: 1, owner, name="f")
    with pytest.raises(UserError, match=r"argument 'b'.* of f\(\)"):
        kept(1, value)


def test_what_cannot_be_kept_is_refused_when_it_is_declared(owner: Owner) -> None:
    def numbers() -> Iterator[int]:
        yield 1

    with pytest.raises(UserError, match="yields its values"):
        cached(numbers, owner)
    with pytest.raises(UserError, match=r"did you mean \.parquet"):
        cached(lambda: 1, owner, name="f", form="parket")
    with pytest.raises(UserError, match="cached function name '' is empty"):
        cached(lambda: 1, owner)
    with pytest.raises(UserError, match="is for functions"):
        cached(object, owner, name="f")
