"""What views show of a sweep."""
