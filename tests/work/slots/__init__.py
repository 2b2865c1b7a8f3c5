"""Tests of colabctl/work/slots."""
