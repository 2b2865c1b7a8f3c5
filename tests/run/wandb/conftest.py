"""Tests of W&B do not see the W&B settings of the person who runs them."""

import os

import pytest


@pytest.fixture(autouse=True, scope="module")
def _without_settings_of_the_user() -> None:
    for name in list(os.environ):
        if name.startswith("WANDB_"):
            del os.environ[name]
