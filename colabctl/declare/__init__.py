"""Declares sweeps: reads a sweep file, compares it with what the folder has, and writes it."""
