"""Stage 2: runs attempts at chunks, in local workers or in a container."""
