"""The folder of a project."""
