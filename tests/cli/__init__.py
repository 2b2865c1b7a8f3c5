"""The installed command, as a user types it."""
