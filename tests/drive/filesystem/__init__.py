"""The file system of one pretended machine, which runs in a process of its own."""
