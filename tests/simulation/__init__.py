"""The protocol of a sweep in simulated time: the real worker and ledger, and a simulated Drive."""
