"""Google Drive's server on this machine: its API over HTTPS, and tests of the commands that use it."""
