"""The commands by which members share results."""
