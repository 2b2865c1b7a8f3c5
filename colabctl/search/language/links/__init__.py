"""Parameters that depend on each other: `zip` and `where` in a sweep file."""
