"""The engine for Dask: the worker here claims tasks, and the workers of a Dask cluster run them."""
