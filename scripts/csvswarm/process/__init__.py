"""Stage 2: run the attempts at all chunks, with local workers or one in a container."""
