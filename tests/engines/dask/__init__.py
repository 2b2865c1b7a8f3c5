"""Tests of the engine for Dask, with real schedulers and workers."""
