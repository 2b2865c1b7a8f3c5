"""Figures, printed as tables; nothing here is asserted."""
