"""When a search, or one of its tasks, stops before its end."""
