"""Validate and evaluate the row-wise expressions of `transform`."""
