"""Arithmetic that does not depend on the order of values: exact sums, sort keys, variances of windows."""
