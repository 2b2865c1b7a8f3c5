"""What Google Drive's server knows of a project: checksums, members' access, and locks on files."""
