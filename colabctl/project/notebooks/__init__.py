"""The notebooks that colabctl generates, and the code that they need to start."""
