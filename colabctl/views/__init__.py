"""Shows what a ledger holds: the status of a sweep, and the results as one database."""
