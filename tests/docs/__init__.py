"""What the documentation says is so, and what of it is made from the program."""
