"""Journals, their fold and claims."""
