"""Numbers that do not depend on the order: exact sums, sort keys, variances of windows."""
