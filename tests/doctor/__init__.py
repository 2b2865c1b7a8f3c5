"""What doctor finds, and the mend it names."""
