"""Kaggle's and Google's command lines as they are, and stand-ins for the servers that they ask."""
