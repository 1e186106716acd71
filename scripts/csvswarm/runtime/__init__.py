"""The process itself: start-up, lazy imports, cores and memory."""
