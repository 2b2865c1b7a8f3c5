"""What the shared folder holds: layout, configuration, members, raw data."""
