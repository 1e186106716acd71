"""Reads blocks: finds fields, converts values to typed rows, separates bad records."""
