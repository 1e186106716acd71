"""Records ranked within groups: what sort, top, distinct and sample have in common."""
