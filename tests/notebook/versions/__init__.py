"""Tests of colabctl.notebook.versions."""
