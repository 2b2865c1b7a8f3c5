"""What to try: the sweep language, and how its spaces become tasks."""
