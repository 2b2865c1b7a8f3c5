"""A Drive to test on: one FUSE mount for each pretended machine and a cloud between them."""
