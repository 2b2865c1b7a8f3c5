"""Real workers on real folders."""
