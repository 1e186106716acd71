"""CSV itself: dialect, records, the canonical text of values, and rows of it."""
