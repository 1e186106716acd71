"""Records: ranking within groups, lookups and derived columns, for sort, top, distinct, sample, join and transform."""
