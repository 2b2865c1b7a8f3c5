"""The folder in which tasks run: the frozen files over the project's."""
