"""Samplers, which propose parameters, and stoppers, which stop trials early."""
