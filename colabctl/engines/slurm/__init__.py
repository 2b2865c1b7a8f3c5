"""SLURM: pilots as an array of batch jobs."""
