"""Ctrl-C while something must be done whole."""

import signal

import pytest

from colabctl import interrupts


def test_ctrl_c_within_the_block_takes_effect_at_its_end() -> None:
    done: list[str] = []

    def draw() -> None:
        with interrupts.after_this():
            signal.raise_signal(signal.SIGINT)
            done.append("all of it")
        done.append("and more")

    with pytest.raises(KeyboardInterrupt):
        draw()
    assert done == ["all of it"]


def test_without_ctrl_c_nothing_happens() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interrupts.after_this():
        pass
    assert signal.getsignal(signal.SIGINT) is before


def test_an_error_within_the_block_is_raised() -> None:
    with pytest.raises(OSError, match="no space"), interrupts.after_this():
        raise OSError("no space")
