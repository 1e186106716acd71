"""The CSV format: dialect, records, canonical text of values, and rows."""
