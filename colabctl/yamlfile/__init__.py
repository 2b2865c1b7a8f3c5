"""YAML files that people write: plain values, each with its line and column."""
