"""What was added to a sweep after it was declared, and the numbers that its tasks have."""
