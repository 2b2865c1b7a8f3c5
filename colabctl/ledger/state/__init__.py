"""The parts of a sweep's state, kept small: a million tasks fit in memory."""
