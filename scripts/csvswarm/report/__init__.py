"""The report of a job for people: one HTML page from its record (job.json) and its result."""
