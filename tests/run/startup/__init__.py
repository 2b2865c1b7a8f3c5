"""What every Python process of a task does before its program starts."""
