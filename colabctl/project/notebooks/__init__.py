"""Notebooks for Colab: what colabctl writes into them and what they need to start."""
