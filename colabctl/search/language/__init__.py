"""The sweep language: reads and checks a sweep file."""
