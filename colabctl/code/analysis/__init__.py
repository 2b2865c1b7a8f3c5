"""What code refers to, found by reading it: the files that a program imports or names."""
