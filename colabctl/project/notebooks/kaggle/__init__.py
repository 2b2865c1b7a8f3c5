"""Worker notebooks for Kaggle, and what Kaggle wants to know of them."""
