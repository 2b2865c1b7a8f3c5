"""How files are touched on a shared folder."""
