"""Stage 1: cuts the input into chunks and blocks, and infers one schema."""
