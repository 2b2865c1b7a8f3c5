"""The status and the results of a sweep, read from its ledger."""
