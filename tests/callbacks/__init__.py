"""Tests of the callbacks, with the real libraries. `pip install -e '.[frameworks]'` runs them all."""
