"""Notebooks as values: the cells to run, the parameters to insert, the outputs to keep."""
