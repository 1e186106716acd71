"""Profiles of columns: the state of blocks, and the figures computed from it."""
