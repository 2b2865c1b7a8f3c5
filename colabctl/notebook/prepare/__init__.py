"""Proposes how a plain notebook becomes the program of a sweep."""
