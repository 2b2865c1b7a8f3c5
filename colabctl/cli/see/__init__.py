"""The commands that show a sweep, its failures and its results."""
