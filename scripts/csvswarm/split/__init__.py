"""Stage 1: cut the input into chunks and blocks, and infer one schema for it."""
