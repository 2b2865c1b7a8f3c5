"""The commands that steer sweeps."""
