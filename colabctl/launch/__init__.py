"""Starts workers on Kaggle and in Colab, by the command lines of Kaggle and of Google."""
