"""The commands about data: they record it, check it and bring it back."""
