"""Engines that exist, such as SLURM or Dask, on which a sweep runs: see contract.py."""
