"""Stage 3: verify the partials, assemble the result and deliver it."""
