"""The results of a sweep: which ones, in which columns, in groups, and in files of any format."""

from colabctl.views.results.rows import Result, Results, as_json

__all__ = ["Result", "Results", "as_json"]
