"""Measures what a project uses, finds what can be deleted, and deletes it if the user agrees."""
