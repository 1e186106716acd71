"""Verify: whether a processor gives the same result however the input is cut."""
