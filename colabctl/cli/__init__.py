"""The command line: parse, call, print, and the one place that exits."""
