"""Row-wise expressions of `transform`: checked, and evaluated on columns."""
