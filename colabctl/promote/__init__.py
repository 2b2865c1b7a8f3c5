"""Final results: copies in results/final, each with a record of where it came from."""
