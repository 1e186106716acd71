"""Stage 3: verifies the partials, assembles the result and delivers it."""
