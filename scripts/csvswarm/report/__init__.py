"""The report of a job for people: one HTML page, made of its record (job.json) and its result."""
