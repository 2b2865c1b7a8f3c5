"""Slots: the processes that run tasks, and the threads that hand them out."""
