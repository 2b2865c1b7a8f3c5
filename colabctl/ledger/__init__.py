"""What has happened: journals, the state they fold to, and claims."""
