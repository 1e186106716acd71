"""`make bench`: csvswarm beside the tools people use for the same work, in one run, with checked answers."""
