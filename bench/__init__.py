"""`make bench`: compare csvswarm with other tools for the same work, in one run, with verified answers."""
