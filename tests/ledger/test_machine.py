"""What a worker ran on, as others read it from its start event."""

import pytest

from colabctl.ledger.state.machine import Accelerator, Machine, read_machine

SOUND = {
    "python": "3.12.3",
    "system": "Ubuntu",
    "driver": "550.54",
    "accelerators": [{"name": "Tesla T4", "memory": 15 << 30}, {"name": "TPU v2 or v3"}],
    "packages": {"torch": "2.9.0", "numpy": "2.1"},
}


def test_a_start_event_says_what_the_worker_ran_on() -> None:
    assert read_machine(SOUND) == Machine(
        "3.12.3",
        "Ubuntu",
        "550.54",
        (Accelerator("Tesla T4", 15 << 30), Accelerator("TPU v2 or v3")),
        (("torch", "2.9.0"), ("numpy", "2.1")),
    )


def test_workers_that_are_alike_share_one_value() -> None:
    assert read_machine(SOUND) is read_machine(dict(SOUND))


def test_an_older_start_event_says_less() -> None:
    assert read_machine({"python": "3.11.7"}) == Machine("3.11.7")


@pytest.mark.parametrize(
    ("part", "value", "read"),
    [
        ("python", ["3"], ""),
        ("python", "3" * 10_000, "3" * 100),
        ("system", "a\x1b[2Jb\nc", "a\\x1b[2Jb\\nc"),
        ("driver", "\ud800", "\\ud800"),
        ("accelerators", "T4", ()),
        ("accelerators", [None, 3, {}, {"name": 7}, {"name": ""}], ()),
        ("accelerators", [{"name": "A", "memory": "40 GB"}], (Accelerator("A"),)),
        ("accelerators", [{"name": "A", "memory": True}], (Accelerator("A"),)),
        ("accelerators", [{"name": "A", "memory": -1}], (Accelerator("A"),)),
        ("accelerators", [{"name": "A", "memory": 10**400}], (Accelerator("A"),)),
        ("accelerators", [{"name": "A"}] * 1_000_000, (Accelerator("A"),) * 64),
        ("packages", ["torch"], ()),
        ("packages", {"torch": 2, "": "1", "jax": None, "numpy": "2"}, (("numpy", "2"),)),
    ],
)
def test_what_others_wrote_is_cut_or_left_out(part: str, value: object, read: object) -> None:
    assert getattr(read_machine({part: value}), part) == read


def test_a_million_packages_are_cut() -> None:
    packages = {f"package-{number}": "1" for number in range(100_000)}
    assert len(read_machine({"packages": packages}).packages) == 64
