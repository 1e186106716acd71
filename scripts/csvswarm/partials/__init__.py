"""What attempts leave behind: rows, combined frames, sorted runs; and how these are merged and assembled."""
