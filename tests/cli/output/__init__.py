"""What commands print, and who reads it."""
