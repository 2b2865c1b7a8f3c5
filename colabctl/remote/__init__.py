"""A project in a store: its mirrors on machines, and what travels between them."""
