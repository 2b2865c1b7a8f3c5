"""The journals of a sweep: what their lines mean, and how they are written and read."""
