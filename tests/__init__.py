"""Behaviour of colabctl, one sentence a test."""
