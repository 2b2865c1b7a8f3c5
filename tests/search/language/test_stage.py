"""The key `stage:` of a sweep file."""

import pytest

from colabctl.errors import UserError
from colabctl.search import read

FILE = "method: grid\nparameters: {{x: {{values: [1]}}}}\nstage: {}\n"


@pytest.mark.parametrize(
    ("text", "staged"),
    [
        ("data/raw/images.zip", {"images": "data/raw/images.zip"}),
        ("data/raw/images/", {"images": "data/raw/images"}),
        (
            "[data/raw/images.tar.gz, data/raw/my table.csv]",
            {"images": "data/raw/images.tar.gz", "my_table": "data/raw/my table.csv"},
        ),
        ("{train: data/raw/a.zip, test: data/raw/b}", {"train": "data/raw/a.zip", "test": "data/raw/b"}),
        ("data/raw/2024.zip", {"data_2024": "data/raw/2024.zip"}),
        ("null", {}),
        ("[]", {}),
    ],
)  # fmt: skip
def test_paths_are_read_with_their_names(text: str, staged: dict[str, str]) -> None:
    assert read(FILE.format(text), "s.yaml").stage == staged


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("/content/images.zip", "is not in the project"),
        ("~/images.zip", "is not in the project"),
        ("'C:\\images.zip'", "is not in the project"),
        ("data/../../images", "leads out of the project"),
        ("data//images", "is not written as a path"),
        ("[data/a/images, data/b/images]", "would both be called images"),
        ("[data/a.zip, data/A.zip]", "would both be called A"),
        ("{my-name: data/a}", "is not a name"),
        ("{images: [a]}", "must be text"),
        ("[[a]]", "must be text"),
        ("7", "must be text"),
    ],
)
def test_what_cannot_be_staged_is_a_problem_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(UserError, match=problem) as refused:
        read(FILE.format(text), "s.yaml")
    assert "s.yaml:3" in str(refused.value)
