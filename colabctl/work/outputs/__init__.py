"""The outputs of a worker's tasks: what is kept, and what others follow."""
