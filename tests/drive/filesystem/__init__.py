"""The file system of one simulated machine, which runs in a process of its own."""
