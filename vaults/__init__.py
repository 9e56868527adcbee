"""Vaults, items, keys, and who is in a vault."""
