"""The project folder: layout, configuration, members, raw data, notebooks."""
