"""What is frozen, and how a program is found."""
