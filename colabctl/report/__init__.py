"""The page of sweeps: one HTML file without network that shows what they found and how."""
