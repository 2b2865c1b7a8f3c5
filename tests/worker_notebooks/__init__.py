"""The notebooks that colabctl writes, run in real kernels and shown by a real browser."""
