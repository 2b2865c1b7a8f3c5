"""The checks of doctor, and their fixes."""
