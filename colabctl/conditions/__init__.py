"""Conditions on named values, parsed and never run as code: one grammar, read in two places.

`results --where` chooses tasks by one (`views/results/where.py`), and `where:` in a sweep file says
which parameters go together (`search/language/links/where.py`), with arithmetic.
"""
