"""Measures what a project's files use, finds what could go, and removes it if the user agrees."""
