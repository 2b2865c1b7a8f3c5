"""The README and the guide as tests: what they show is what happens."""
