"""Finds out what may go wrong in a folder, and says how to mend it."""
