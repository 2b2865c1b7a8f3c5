"""Real stores on this machine, and a proxy that breaks their connections."""
