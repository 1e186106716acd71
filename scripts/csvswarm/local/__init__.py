"""A whole job on this machine, from Python or the command line."""
