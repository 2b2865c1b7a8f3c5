"""The page of sweeps, looked at in a real browser."""
