"""Reads, writes and locks files on a shared folder."""
