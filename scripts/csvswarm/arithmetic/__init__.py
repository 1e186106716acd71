"""Arithmetic independent of the order of values: exact sums, sort keys, variances of windows."""
