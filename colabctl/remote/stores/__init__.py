"""The kinds of stores, a file for each."""
