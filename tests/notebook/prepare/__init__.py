"""Tests of the proposals for plain notebooks."""
